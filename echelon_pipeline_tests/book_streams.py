"""Generated frames, one millisecond apart by default.

Belongs here: builders of events and frames for the tests of the book machine.
"""

from __future__ import annotations

from itertools import pairwise

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Change, Event, Facts, Frame, Level, Message, Side, Snapshot
from echelon_pipeline.books.hashes import book_hash, hash_input
from echelon_pipeline.books.ladder import Ladder
from echelon_pipeline.books.machine import Machine
from echelon_pipeline.books.rows import BookRow, GapRow, Output
from echelon_pipeline.domain.scaled import CENT, ONE

MS = 1_000
START = 1_000_000 * MS
FACTS = Facts("0xm", "5", "0.01", neg_risk=False, last_trade_price="")


def cents(*levels: tuple[int, int]) -> tuple[Level, ...]:
    return tuple((price * CENT, size * ONE) for price, size in levels)


def snapshot(token: str, bids: tuple[Level, ...], asks: tuple[Level, ...], at: int | None = None) -> Snapshot:
    return Snapshot(token, bids, asks, at)


def delta(token: str, side: Side, price: int, size: int, at: int | None = None) -> Change:
    return Change(token, side, price * CENT, size * ONE, relative=True, at=at)


def put(token: str, side: Side, price: int, size: int, at: int | None = None, digest: str | None = None) -> Change:
    return Change(token, side, price * CENT, size * ONE, relative=False, at=at, hash=digest)


def digest(bids: tuple[Level, ...], asks: tuple[Level, ...], at: int, facts: Facts = FACTS) -> str:
    """The venue's hash of the ladder of token "0"."""
    ladder = Ladder()
    ladder.replace(bids, asks)
    text = hash_input(ladder, 0, "0", at, facts)
    assert text is not None
    return book_hash(text, facts.last_trade_price)


def is_crossed(row: BookRow) -> bool:
    """Whether a row's best bid reaches its best ask."""
    return bool(row.bids and row.asks and row.bids[0][0] >= row.asks[0][0])


class Stream:
    """A machine, fed with single messages."""

    def __init__(self, *instruments: Instrument, **options: bool | int) -> None:
        self.machine = Machine(**options)  # type: ignore[arg-type]
        self.now, self.connection, self.number, self.seq = START, "a", 0, 0
        self.name = instruments[0].instrument_id
        for instrument in instruments:
            self.machine.watch(instrument, self.now)

    def send(self, *events: Event, sid: int | None = None, seq: int | None = None, after: int = MS) -> int:
        """Sends one frame; returns its receipt time."""
        self.now += after
        self.number += 1
        message = Message(events, sid, seq)
        self.machine.feed(Frame(self.connection, self.number, self.now, message))
        return self.now

    def numbered(self, *events: Event, skip: int = 0, after: int = MS) -> int:
        """The next frame of subscription 1."""
        self.seq += 1 + skip
        return self.send(*events, sid=1, seq=self.seq, after=after)

    def settle(self) -> None:
        """Enough silence to end all batches."""
        self.now += 50 * MS
        self.machine.advance(self.now)

    def end(self, after: int = 1_000 * MS) -> Output:
        return self.machine.finish(self.now + after)

    def states(self, out: Output, name: str | None = None) -> list[tuple[str, str | None]]:
        rows = [row for row in out.rows if row.instrument_id == (name or self.name)]
        for one, following in pairwise(rows):
            assert one.valid_from < one.valid_to == following.valid_from
        return [(row.state.value, row.reason and row.reason.value) for row in rows]


def gaps(out: Output) -> list[tuple[str, int | None, int, int | None]]:
    """The gaps, without those before the first snapshot."""
    told: list[GapRow] = [gap for gap in out.gaps if gap.reason != "before_snapshot"]
    return [(gap.reason.value, gap.last_good_at, gap.from_at, gap.to_at) for gap in told]
