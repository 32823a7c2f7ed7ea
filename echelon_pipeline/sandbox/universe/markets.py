"""The markets of a topic: strikes, labels, chances and results.

Belongs here: functions of (topic, position, number of markets). No clock.
Chances and payouts are integers of 1e-4 dollars for outcome 0 (Kalshi yes, Polymarket's first token).
"""

from __future__ import annotations

from dataclasses import dataclass

from echelon_pipeline.sandbox.universe.paths import ONE
from echelon_pipeline.sandbox.universe.randomness import bits_at
from echelon_pipeline.sandbox.universe.strikes import STRIKES
from echelon_pipeline.sandbox.universe.topics import Topic

# Polymarket's names of decisions of the Fed, by the code in Kalshi's ticker.
_FED_ITEMS = {
    "H0": "No change",
    "C25": "25 bps decrease",
    "H25": "25 bps increase",
    "C50": "50 bps decrease",
    "H50": "50 bps increase",
    "C51": "Over 50 bps decrease",
    "H51": "Over 50 bps increase",
}


@dataclass(frozen=True, slots=True)
class MarketText:
    """``suffix``: end of a Kalshi ticker; ``label``: Kalshi's name of the outcome, ``item``: Polymarket's. Strikes are
    JSON numbers or None."""

    suffix: str
    label: str
    item: str
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
        return _step(topic, position)
    if family.style == "range":
        return _bucket(topic, position, count)
    if family.style == "game":
        code, name = topic.sides()[position % 2]
        return MarketText(code, name, name, "structured")
    if family.style in ("field", "words"):
        pool = family.pool
        code, name = pool[position] if position < len(pool) else (f"O{position}", f"Other {position}")
        return MarketText(code, name, _FED_ITEMS.get(code, name) if family.name == "fed" else name, "custom")
    if family.style == "updown":
        strikes = STRIKES[topic.ticker]
        price = round(strikes.start + strikes.step * (topic.bits(20) % strikes.shifts), 2)
        label = f"Target Price: {strikes.amount(price)}"
        return MarketText(f"{topic.closes // 60 % 60:02d}", label, "Up", "greater_or_equal", floor=price)
    return MarketText("", "Yes", "Yes", "custom")


def _begin(topic: Topic) -> float:
    strikes = STRIKES[topic.ticker]
    return strikes.start + strikes.step * (topic.bits(20) % strikes.shifts)


def _step(topic: Topic, position: int) -> MarketText:
    strikes = STRIKES[topic.ticker]
    value = round(_begin(topic) + strikes.step * position, 4)
    floor, text = round(value - strikes.below_by, 4), strikes.amount(value)
    label = strikes.above.format(text)
    item = text if strikes.below_by or topic.family.name == "total" else label  # the event says "above" or "O/U"
    return MarketText(f"T{floor:.10g}", label, item, "greater", floor=floor)


def _bucket(topic: Topic, position: int, count: int) -> MarketText:
    """The first bucket is below all strikes, the last one above; the others touch each other."""
    strikes = STRIKES[topic.ticker]
    low, unit = _begin(topic), strikes.below_by
    if position == 0:
        text = f"{strikes.amount(low - unit)} or below"
        return MarketText(f"T{low:.10g}", text, text, "less", cap=low)
    floor = round(low + strikes.step * (position - 1), 4)
    if position == count - 1:
        text = f"{strikes.amount(floor)} or above"
        return MarketText(f"T{round(floor - unit, 4):.10g}", text, text, "greater", floor=round(floor - unit, 4))
    cap = round(floor + strikes.step - unit, 4)
    text = f"{strikes.amount(floor)} to {strikes.amount(cap)}"
    item = text.replace(" to ", "-").replace("°-", "-")
    return MarketText(f"B{(floor + cap) / 2:.10g}", text, item, "between", floor=floor, cap=cap)


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
