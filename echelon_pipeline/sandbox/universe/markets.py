"""The markets of a topic: strikes, labels, chances and results.

Belongs here: functions of (topic, position, number of markets). No clock.
Chances and payouts are integers of 1e-4 dollars for outcome 0 (Kalshi yes, Polymarket's first token).
"""

from __future__ import annotations

from dataclasses import dataclass

from echelon_pipeline.sandbox.universe.paths import ONE
from echelon_pipeline.sandbox.universe.randomness import bits_at
from echelon_pipeline.sandbox.universe.topics import Topic


@dataclass(frozen=True, slots=True)
class MarketText:
    """``suffix``: end of a Kalshi ticker. Strikes are JSON numbers or None."""

    suffix: str
    label: str
    strike_type: str
    floor: float | None = None
    cap: float | None = None


@dataclass(frozen=True, slots=True)
class Odds:
    """``swing``: maximum deviation of the path; negative mirrors it."""

    key: int
    base: int
    swing: int
    final: int


def market_text(topic: Topic, position: int, count: int) -> MarketText:
    """Ticker suffix, label and strike of one market."""
    family = topic.family
    if family.style == "ladder":
        strike = round(family.start + family.step * (position - count // 2 + topic.bits(20) % 5 + count // 2), 4)
        return MarketText(f"T{strike:.10g}", f"{amount(strike, family.unit)} or above", "greater", floor=strike)
    if family.style == "range":
        return _bucket(topic, position, count)
    if family.style == "game":
        code, name = topic.sides()[position % 2]
        return MarketText(code, name, "structured")
    if family.style in ("field", "words"):
        pool = family.pool
        if position < len(pool):
            return MarketText(*pool[position], strike_type="custom")
        return MarketText(f"O{position}", f"Other {position}", "custom")
    if family.style == "updown":
        return MarketText(
            f"{topic.closes // 60 % 60:02d}", "Up", "greater_or_equal", floor=round(topic.bits(21) / 1e5, 2)
        )
    return MarketText("", "Yes", "custom")


def amount(value: float, unit: str) -> str:
    """A strike as text for people."""
    text = f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"${text}" if unit == "$" else f"{text}{unit}"


def _bucket(topic: Topic, position: int, count: int) -> MarketText:
    family = topic.family
    low = family.start + family.step * (topic.bits(20) % 9)
    floor = low + family.step * position
    unit = family.unit
    if position == 0:
        return MarketText(f"T{floor:g}", f"Below {amount(floor, unit)}", "less", cap=floor)
    if position == count - 1:
        return MarketText(f"T{floor - 1:g}", f"Above {amount(floor - 1, unit)}", "greater", floor=floor - 1)
    return MarketText(
        f"B{floor - 0.5:g}", f"{floor - 1:g} to {amount(floor, unit)}", "between", floor=floor - 1, cap=floor
    )


def winner(topic: Topic, count: int) -> int:
    """Exclusive styles: the position that pays; ladders: the number of strikes that are reached."""
    return topic.bits(30) % (count + 1 if topic.family.style == "ladder" else count)


def odds(topic: Topic, position: int, count: int) -> Odds:
    """Initial chance and final payout of one market."""
    style = topic.family.style
    if style == "ladder":
        base = max(ONE * 92 // 100 - (ONE * 84 // 100) * position // max(count - 1, 1), 400)
        return _odds(topic.key, base, 9, ONE if position < winner(topic, count) else 0)
    if style in ("range", "field"):
        weights = [1 + bits_at(topic.key, 40 + p) % 1000 for p in range(count)]
        base = ONE * weights[position] // sum(weights)
        return _odds(bits_at(topic.key, 200 + position), base, 11, ONE if position == winner(topic, count) else 0)
    if style == "game":
        base = 2_500 + topic.bits(22) % 5_001
        first = _odds(topic.key, base, 11, ONE if winner(topic, 2) == 0 else 0)
        return first if position == 0 else Odds(first.key, ONE - base, -first.swing, ONE - first.final)
    base = 600 + bits_at(topic.key, 300 + position) % 8_800
    wins = bits_at(topic.key, 400 + position) % ONE < base
    return _odds(bits_at(topic.key, 200 + position), base, 11, ONE if wins else 0)


def _odds(key: int, base: int, tenths: int, final: int) -> Odds:
    return Odds(key, base, min(base, ONE - base) * tenths // 10, final)
