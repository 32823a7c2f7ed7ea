"""A generated universe: the events and instruments of both venues as columns.

Belongs here: building them from (seed, sizes, now). ``trades.py`` has the trades; the venues' ``views`` modules turn
rows into objects. A million instruments take some 150 MB: integers in Arrow buffers, one small object per event, no
object per instrument.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import polars as pl

from echelon_pipeline.sandbox.server.options import DEFAULT_NOW, SandboxOptions
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.columns import Ints, view
from echelon_pipeline.sandbox.universe.markets import odds
from echelon_pipeline.sandbox.universe.paths import ONE, Shape, mid
from echelon_pipeline.sandbox.universe.randomness import Digests, Scramble, bits_at, salt
from echelon_pipeline.sandbox.universe.topics import Topic, topics
from echelon_pipeline.sandbox.universe.trades import TradeTable, build_trades

NEVER = 2**40  # a time after all others
_COLUMNS = ("event", "position", "key", "base", "swing", "final", "created", "opens", "closes", "determined", "settled")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one venue: ``count`` instruments from row ``first`` on. ``legs`` of a combo: (instrument, side)."""

    topic: Topic
    first: int
    count: int
    created: int
    legs: tuple[tuple[int, int], ...] = ()
    combo: int = -1


class Venue:
    """Instruments of one venue as columns: first ``ordinary`` ones, then combos."""

    def __init__(
        self,
        name: str,
        options: SandboxOptions,
        now: int,
        events: list[Event],
        frame: pl.DataFrame,
        ordinary: int,
    ) -> None:
        self.name = name
        self.seed = options.seed
        self.key = salt(options.seed, name)
        self.events = events
        self.frame = frame
        self.ordinary = ordinary
        self.columns: dict[str, Ints] = {c: view(frame[c]) for c in _COLUMNS}
        share = options.trades // 2
        self.trades: TradeTable = build_trades(
            self.key, name, frame, now, options.days, options.horizon_days, share, blocks=name == "kalshi"
        )

    def __len__(self) -> int:
        return len(self.columns["event"])

    def event_of(self, i: int) -> Event:
        return self.events[self.columns["event"][i]]

    def bits(self, i: int, purpose: int) -> int:
        """32 random bits of an instrument."""
        return bits_at(bits_at(self.key, i), purpose)

    def grid(self, i: int) -> int:
        """Bits that determine tick size and spread, also for trade prices."""
        return bits_at(self.key, i)

    def is_paused(self, i: int) -> bool:
        """One in fifty instruments does not trade between its open and its close."""
        return self.bits(i, 3) % 50 == 13

    def paused(self) -> pl.Series:
        """``is_paused`` of every instrument."""
        rows = pl.int_range(0, len(self), eager=True, dtype=pl.Int64)
        return bits_at(bits_at(rows * 0 + self.key, rows), rows * 0 + 3) % 50 == 13

    def shape(self, i: int) -> Shape:
        c = self.columns
        return Shape(c["key"][i], c["base"][i], c["swing"][i], c["final"][i], c["opens"][i], c["closes"][i])

    def mid(self, i: int, at: int) -> int:
        """Mid price of outcome 0 (1e-4 dollars) at a Unix second; the payout once it is settled."""
        if at >= self.columns["settled"][i]:
            return self.columns["final"][i]
        return mid(self.shape(i), min(at, self.columns["closes"][i] - 1) // 60)


class Universe:
    """Both venues of one synthetic universe, built for the time ``now`` (Unix seconds)."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self.start = options.now or DEFAULT_NOW
        self.now = int(self.start.timestamp())
        self.end = self.now + options.horizon_days * DAY
        self.digests = Digests(options.seed)
        self.scramble = Scramble(options.seed)
        known = list(
            topics(options.seed, self.now, days=options.days, horizon_days=options.horizon_days, events=options.events)
        )
        known.sort(key=lambda topic: (topic.opens, topic.key))
        self.kalshi = _build("kalshi", options, self.now, [t for t in known if t.on_kalshi])
        self.polymarket = _build("polymarket", options, self.now, [t for t in known if t.on_polymarket])

    @cached_property
    def ends_at(self) -> datetime:
        """The latest time of the clock."""
        return datetime.fromtimestamp(self.end, UTC)


def _build(name: str, options: SandboxOptions, now: int, mine: list[Topic]) -> Venue:
    counts = _counts(name, mine, options.instruments // 2, now)
    key = salt(options.seed, name)
    rows: dict[str, array[int]] = {c: array("q") for c in _COLUMNS}
    events: list[Event] = []
    for topic, count in zip(mine, counts, strict=True):
        created = topic.announced - bits_at(topic.key, 50 + (name == "kalshi")) % 600
        event = Event(topic, len(rows["event"]), count, created)
        for position in range(count):
            _add(rows, key, len(events), event, position)
        events.append(event)
    ordinary = len(rows["event"])
    _add_combos(name, key, rows, events, max(3, ordinary // 25))
    return Venue(name, options, now, events, _frame(rows), ordinary)


def _frame(rows: dict[str, array[int]]) -> pl.DataFrame:
    """A data frame from arrays, without intermediate Python lists."""
    import pyarrow as pa

    return pl.DataFrame(
        {c: pl.Series(pa.Array.from_buffers(pa.int64(), len(a), [None, pa.py_buffer(a)])) for c, a in rows.items()}
    )


def _counts(name: str, mine: list[Topic], wanted: int, now: int) -> list[int]:
    """Markets per event: fixed styles unchanged, the others scaled so that about ``wanted`` markets exist at now."""

    def natural(topic: Topic) -> int:
        if topic.family.style == "game" and name == "polymarket":
            return 1
        return topic.family.natural

    fixed = {"game", "single", "updown"}
    present = [t for t in mine if t.announced <= now]
    rigid = sum(natural(t) for t in present if t.family.style in fixed)
    loose = sum(natural(t) for t in present if t.family.style not in fixed)
    scale = max((wanted - rigid) / loose, 0.1) if loose else 1.0
    counts, carry = [], 0.0
    for topic in mine:
        if topic.family.style in fixed:
            counts.append(natural(topic))
            continue
        exact = natural(topic) * scale + carry
        count = max(2, int(exact))
        carry = max(min(exact - count, 1.0), -1.0)
        counts.append(count)
    return counts


def _add(rows: dict[str, array[int]], key: int, number: int, event: Event, position: int) -> None:
    topic = event.topic
    chance = odds(topic, position, event.count)
    bits = bits_at(bits_at(key, len(rows["event"])), 1)
    final = chance.final
    if bits % 100 == 7:  # scalar results, 50/50 resolutions
        final = ONE // 2 if bits % 200 == 7 else (bits // 256 % 9_000 + 500) // 100 * 100
    determined = topic.closes + 60 + bits // 64 % 5_400
    timer = 300 if topic.family.life < 7 * DAY else 3_600
    disputed = bits // 16 % 100 < 3
    values = {
        "event": number,
        "position": position,
        "key": chance.key,
        "base": chance.base,
        "swing": chance.swing,
        "final": final,
        "created": event.created,
        "opens": topic.opens,
        "closes": topic.closes,
        "determined": determined,
        "settled": determined + timer + (3 * DAY if disputed else 0),
    }
    for column, value in values.items():
        rows[column].append(value)


def _add_combos(name: str, key: int, rows: dict[str, array[int]], events: list[Event], count: int) -> None:
    """Adds parlays of 2 to 4 legs that trade at the same time; a payout is the product of the legs' payouts."""
    ordinary = len(rows["event"])
    for number in range(count):
        bits = bits_at(key, 7_000_000 + number)
        lead = bits % ordinary
        opens = rows["opens"][lead] + bits // 8 % max(60, (rows["closes"][lead] - rows["opens"][lead]) * 3 // 4)
        legs = [(lead, bits & 1)]
        for attempt in range(30):
            other = bits_at(bits, attempt) % ordinary
            fits = rows["opens"][other] <= opens and rows["closes"][other] > opens + 900
            if fits and all(rows["event"][other] != rows["event"][leg] for leg, _ in legs):
                legs.append((other, bits_at(bits, 100 + attempt) & 1))
            if len(legs) == 2 + bits // 4 % 3:
                break
        if len(legs) < 2:
            continue
        _add_combo(name, rows, events, tuple(legs), opens, bits, number)


def _add_combo(
    name: str,
    rows: dict[str, array[int]],
    events: list[Event],
    legs: tuple[tuple[int, int], ...],
    opens: int,
    bits: int,
    number: int,
) -> None:
    chance, payout = ONE, ONE
    for leg, side in legs:
        chance = chance * (rows["base"][leg] if side == 0 else ONE - rows["base"][leg]) // ONE
        payout = payout * (rows["final"][leg] if side == 0 else ONE - rows["final"][leg]) // ONE
    base = max(chance, 100)
    values = {
        "event": len(events),
        "position": 0,
        "key": bits_at(bits, 1),
        "base": base,
        "swing": min(base, ONE - base),
        "final": payout,
        "created": opens - 1,
        "opens": opens,
        "closes": max(rows["closes"][leg] for leg, _ in legs),
        "determined": max(rows["determined"][leg] for leg, _ in legs) + 5,
        "settled": max(rows["settled"][leg] for leg, _ in legs) + 10,
    }
    topic = events[rows["event"][legs[0][0]]].topic
    events.append(Event(topic, len(rows["event"]), 1, opens - 1, legs, bits % 3 if name == "kalshi" else number))
    for column, value in values.items():
        rows[column].append(value)
