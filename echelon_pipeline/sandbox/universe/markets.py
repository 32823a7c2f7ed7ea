"""The markets of a topic: strikes, labels, chances and how each one ends.

Belongs here: everything that follows from (topic, position, number of markets). No clock.
Chances and payouts are integers of 1e-4 dollars for outcome 0 (Kalshi yes, Polymarket's first token).
"""

from __future__ import annotations

from dataclasses import dataclass

from echelon_pipeline.sandbox.universe.randomness import cell
from echelon_pipeline.sandbox.universe.paths import ONE
from echelon_pipeline.sandbox.universe.topics import Topic


@dataclass(frozen=True, slots=True)
class Words:
    """``suffix``: end of a Kalshi ticker. Strikes are JSON numbers or None."""

    suffix: str
    label: str
    strike_type: str
    floor: float | None = None
    cap: float | None = None


@dataclass(frozen=True, slots=True)
class Odds:
    """``swing``: largest excursion of the path; negative mirrors it."""

    key: int
    base: int
    swing: int
    final: int


def words(topic: Topic, position: int, count: int) -> Words:
    """What one market is about."""
    family = topic.family
    if family.style == "ladder":
        strike = round(family.start + family.step * (position - count // 2 + topic.bits(20) % 5 + count // 2), 4)
        return Words(f"T{strike:.10g}", f"{amount(strike, family.unit)} or above", "greater", floor=strike)
    if family.style == "range":
        return _bucket(topic, position, count)
    if family.style == "game":
        code, name = topic.sides()[position % 2]
        return Words(code, name, "structured")
    if family.style in ("field", "words"):
        pool = family.pool
        if position < len(pool):
            return Words(*pool[position], strike_type="custom")
        return Words(f"O{position}", f"Other {position}", "custom")
    if family.style == "updown":
        return Words(f"{topic.closes // 60 % 60:02d}", "Up", "greater_or_equal", floor=round(topic.bits(21) / 1e5, 2))
    return Words("", "Yes", "custom")


def amount(value: float, unit: str) -> str:
    """A strike as people write it."""
    text = f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"${text}" if unit == "$" else f"{text}{unit}"


def _bucket(topic: Topic, position: int, count: int) -> Words:
    family = topic.family
    low = family.start + family.step * (topic.bits(20) % 9)
    floor = low + family.step * position
    unit = family.unit
    if position == 0:
        return Words(f"T{floor:g}", f"Below {amount(floor, unit)}", "less", cap=floor)
    if position == count - 1:
        return Words(f"T{floor - 1:g}", f"Above {amount(floor - 1, unit)}", "greater", floor=floor - 1)
    return Words(f"B{floor - 0.5:g}", f"{floor - 1:g} to {amount(floor, unit)}", "between", floor=floor - 1, cap=floor)


def winner(topic: Topic, count: int) -> int:
    """Exclusive styles: which position pays; ladders: how many strikes are reached."""
    return topic.bits(30) % (count + 1 if topic.family.style == "ladder" else count)


def odds(topic: Topic, position: int, count: int) -> Odds:
    """Chance before anything happened, and the payout in the end."""
    style = topic.family.style
    if style == "ladder":
        base = max(ONE * 92 // 100 - (ONE * 84 // 100) * position // max(count - 1, 1), 400)
        return _odds(topic.key, base, 9, ONE if position < winner(topic, count) else 0)
    if style in ("range", "field"):
        weights = [1 + cell(topic.key, 40 + p) % 1000 for p in range(count)]
        base = ONE * weights[position] // sum(weights)
        return _odds(cell(topic.key, 200 + position), base, 11, ONE if position == winner(topic, count) else 0)
    if style == "game":
        base = 2_500 + topic.bits(22) % 5_001
        first = _odds(topic.key, base, 11, ONE if winner(topic, 2) == 0 else 0)
        return first if position == 0 else Odds(first.key, ONE - base, -first.swing, ONE - first.final)
    base = 600 + cell(topic.key, 300 + position) % 8_800
    wins = cell(topic.key, 400 + position) % ONE < base
    return _odds(cell(topic.key, 200 + position), base, 11, ONE if wins else 0)


def _odds(key: int, base: int, tenths: int, final: int) -> Odds:
    return Odds(key, base, min(base, ONE - base) * tenths // 10, final)
