"""Polymarket's recorded market channel and order books: every frame is read, every hash reproduced, every loss
detected.

Belongs here: polymarket/ws_market, polymarket/clob_book. ``raw_frames_*`` are short bursts of whole frames with REST
books between them; ``signaldrift_*`` are games of 2025 without the market's id, so that their hashes, which also have
an older formula, cannot be checked; the venue's clock replaces ours.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Change, Event, Facts, Message, Notice, Side, Snapshot, TickSize, Traded
from echelon_pipeline.books.hashes import book_hash, hash_input
from echelon_pipeline.books.ladder import Ladder
from echelon_pipeline.books.machine import Machine
from echelon_pipeline.books.rows import BookState, Output, Reason
from echelon_pipeline.domain.scaled import ONE
from echelon_pipeline.venues.polymarket.stream import read, read_books
from echelon_pipeline_tests.book_streams import is_crossed
from echelon_pipeline_tests.fakes import RECORDINGS, needs_recordings
from echelon_pipeline_tests.recorded_streams import Recorded, bursts, flattened, replay

pytestmark = needs_recordings

WS, REST = "polymarket/ws_market", "polymarket/clob_book"
BOOKS = {f"{REST}/fed_june_2026_books.json": 10, f"{REST}/hype5m_clob_book.json": 1, f"{REST}/clob_ext_book.json": 1}
TRADES = f"{WS}/last_trade_price_weather_2026-08-10.jsonl"
SINGLE = {
    f"{WS}/nautilus_book.json": Snapshot,
    f"{WS}/nautilus_price_change.json": Change,
    f"{WS}/nautilus_price_change_v2.json": Change,
    f"{WS}/nautilus_last_trade_price.json": Traded,
    f"{WS}/nautilus_tick_size_change.json": TickSize,
}


class Burst(NamedTuple):
    """Figures of one capture. ``equal``: REST books that equal our book of that time; ``later``: REST books with a
    change, 0.8 to 38 s old, that the stream never brought; ``unknown``: REST books of ladders without a valid book;
    ``sockets``: connections; ``lost``, ``disconnected``: books that were valid before that."""

    run: str
    rest: int
    books: int
    changes: int
    new_markets: int
    equal: int
    later: int
    unknown: int
    sockets: int
    lost: int
    disconnected: int

    @property
    def name(self) -> str:
        return f"{WS}/raw_frames_{self.run}.jsonl.gz"

    @property
    def markets(self) -> str:
        return f"{WS}/raw_frames_{self.run}.markets.jsonl"


# Hashes reproduced, in sum: 402 books of the REST API, 204 of the stream, 96 after single changes.
BURSTS = [
    Burst("m9-rtds-chainlink-smoke-20260428b", 6, 6, 0, 4, 0, 0, 6, 1, 0, 0),
    Burst("m9-rtds-natural-20260428e", 36, 18, 16, 4, 28, 1, 7, 3, 1, 6),
    Burst("m9-rtds-natural-20260429T021025Z-fresh", 360, 180, 80, 17, 320, 13, 23, 30, 9, 78),
]


class Drift(NamedTuple):
    """Figures of one capture. ``levels``: of its books; ``missing_removals``: removals of missing levels; ``gaps``:
    reason of each loss, and the milliseconds to the next valid book."""

    game: str
    books: int
    changes: int
    levels: int
    missing_removals: int
    gaps: list[tuple[str, int]]

    @property
    def name(self) -> str:
        return f"{WS}/signaldrift_{self.game}_polymarket-market-events.csv.gz"


DRIFTS = [
    Drift("20250617_mlb-cle-sf-2025-06-17", 178, 5970, 5062, 4, [("mirror", 1693)]),
    Drift("20250617_mlb-mil-chc-2025-06-17", 70, 6310, 1786, 2, [("crossed", 7942), ("crossed", 49791)]),
    Drift("20250617_mlb-sd-lad-2025-06-17", 408, 11284, 8852, 14, [("crossed", 2), ("crossed", 5981)]),
    Drift("20250619_mlb-cle-sf-2025-06-19", 98, 3536, 3006, 10, []),
    Drift("20250619_mlb-col-wsh-2025-06-19", 238, 10094, 3128, 16, [("crossed", 64673), ("crossed", 2979)]),
    Drift("20250619_mlb-hou-bal-2025-06-19", 196, 7796, 5105, 15, [("crossed", 51)]),
    Drift("20250619_mlb-kc-tex-2025-06-19", 14, 4498, 382, 8, []),
    Drift("20250619_mlb-laa-nyy-2025-06-19", 118, 4242, 2492, 0, []),
    Drift("20250619_mlb-mil-chc-2025-06-19", 97, 6788, 2114, 2, [("crossed", 92986)]),
    Drift("20250619_mlb-min-cin-2025-06-19", 64, 454, 1344, 0, []),
    Drift("20250619_mlb-pit-det-2025-06-19", 58, 548, 1490, 0, []),
    Drift("20250619_mlb-stl-cws-2025-06-19", 102, 5000, 2732, 10, []),
]


def files() -> set[str]:
    """The files of this test, by their names in the manifest."""
    captures = {name for burst in BURSTS for name in (burst.name, burst.markets)} | {drift.name for drift in DRIFTS}
    return {*BOOKS, TRADES, *SINGLE} | captures


def level_batch(payloads: list[bytes]) -> list[Event]:
    return [event for payload in payloads for event in read(payload).events]


def hashes(snapshot: Snapshot) -> bool:
    """Whether a book has its stated hash, computed from the numbers that we keep."""
    ladder = Ladder()
    ladder.replace(snapshot.bids, snapshot.asks)
    text = hash_input(ladder, 0, snapshot.token, snapshot.at or 0, snapshot.facts)
    return text is not None and book_hash(text, snapshot.facts.last_trade_price) == snapshot.hash


def check(out: Output, name: str) -> None:
    """Rows of one instrument are consecutive and never show a crossed book."""
    rows = [row for row in out.rows if row.instrument_id == name]
    for one, following in pairwise(rows):
        assert one.valid_from < one.valid_to == following.valid_from
    assert not any(map(is_crossed, rows))


# --- books of the REST API


@pytest.mark.parametrize(("name", "count"), BOOKS.items(), ids=BOOKS)
def test_a_served_book_is_read_exactly_and_has_its_hash(name: str, count: int) -> None:
    payload = (RECORDINGS / name).read_bytes()
    served = json.loads(payload)
    found = read_books(payload).events
    assert len(found) == count
    for one, snapshot in zip(served if isinstance(served, list) else [served], found, strict=True):
        assert isinstance(snapshot, Snapshot)
        assert (len(snapshot.bids), len(snapshot.asks)) == (len(one["bids"]), len(one["asks"]))
        assert hashes(snapshot)


def test_the_other_token_of_a_served_book_is_its_mirror() -> None:
    books = read_books((RECORDINGS / f"{REST}/fed_june_2026_books.json").read_bytes()).events
    pairs = list(zip(books[::2], books[1::2], strict=True))
    assert len(pairs) == 5
    for yes, no in pairs:
        assert isinstance(yes, Snapshot)
        assert isinstance(no, Snapshot)
        assert {(ONE - price, size) for price, size in no.asks} == set(yes.bids)
        assert {(ONE - price, size) for price, size in no.bids} == set(yes.asks)


# --- whole frames


def reader(payload: bytes) -> Message:
    """Reads frames of recorders that kept REST answers among the frames: these have no event_type."""
    return read(payload) if payload.startswith(b"[") or b'"event_type"' in payload else read_books(payload)


def instruments(burst: Burst) -> list[Instrument]:
    """Instruments of the recorder's market rows, with the facts of hashes that no frame contains."""
    rows = [json.loads(line) for line in (RECORDINGS / burst.markets).read_text().splitlines()]
    facts = {
        row["condition_id"]: Facts(row["condition_id"], f"{row['min_order_size']:g}", neg_risk=False) for row in rows
    }
    return [
        Instrument(f"polymarket:{name}", tuple(o["token_id"] for o in row["outcomes"]), facts=facts[name])
        for row, name in ((row, row["condition_id"]) for row in rows)
    ]


@pytest.mark.parametrize("burst", BURSTS, ids=lambda b: b.run)
def test_every_frame_of_a_burst_is_read_and_every_hash_matches(burst: Burst) -> None:
    frames, watched = list(bursts(burst.name)), instruments(burst)
    machine, seen, served = Machine(), Counter[str](), Counter[bool]()
    for instrument in watched:
        machine.watch(instrument, frames[0].received_at)

    def see(message: Message) -> None:
        for event in message.events:
            rest = isinstance(event, Snapshot) and event.rest
            seen["rest" if rest else type(event).__name__] += 1
            if isinstance(event, Snapshot) and event.rest:
                served[hashes(event)] += 1

    out = machine.finish(replay(machine, frames, reader, see) + 1_000_000)
    wanted = {"rest": burst.rest, "Snapshot": burst.books, "Change": burst.changes, "Notice": burst.new_markets}
    assert dict(seen) == {kind: count for kind, count in wanted.items() if count}
    assert served == {True: burst.rest}
    verifiers = [machine.book(instrument.instrument_id).verifier for instrument in watched]
    assert sum(v.hits for v in verifiers) == burst.books + burst.changes
    assert sum(v.misses + v.unchecked for v in verifiers) == 0
    assert out.notes == []
    lost = {"lost_disconnect": burst.disconnected, "lost_probe": burst.lost}
    wanted = {**lost, "probes_equal": burst.equal, "probes_later": burst.later, "probes_resynced": burst.unknown}
    assert dict(machine.counts) == {what: count for what, count in wanted.items() if count}
    for instrument in watched:
        check(out, instrument.instrument_id)
    assert Counter(gap.reason for gap in out.gaps)[Reason.DISCONNECT] == burst.disconnected


def test_the_next_hash_detects_a_frame_that_is_missing_from_a_burst() -> None:
    """The venue has no numbers: the hash of the next change of the market shows a missing one."""
    burst = BURSTS[2]
    frames = [frame for frame in bursts(burst.name) if frame.connection == "1"]
    kept = [frame for n, frame in enumerate(frames) if n != 1]
    missing = read(frames[1].payload).events[0]
    assert isinstance(missing, Change)
    machine = Machine()
    for instrument in instruments(burst):
        machine.watch(instrument, frames[0].received_at)
    first = [frame for frame in kept if not isinstance(reader(frame.payload).events[0], Notice)][:10]
    machine.finish(replay(machine, first, reader, lambda _: None) + 1_000_000)
    (name,) = (i.instrument_id for i in instruments(burst) if missing.token in i.tokens)
    assert machine.row(name).reason is Reason.HASH


# --- games of 2025, level by level


def followed(drift: Drift) -> tuple[Machine, Output, Counter[str], list[Recorded], int]:
    frames = list(flattened(drift.name))
    events = level_batch([frame.payload for frame in frames])
    seen = Counter(type(event).__name__ for event in events)
    seen["levels"] = sum(len(e.bids) + len(e.asks) for e in events if isinstance(e, Snapshot))
    tokens = tuple(sorted({e.token for e in events if isinstance(e, Snapshot | Change)}))
    machine, inside = Machine(), 0
    machine.watch(Instrument("polymarket:game", tokens), frames[0].received_at)
    book = machine.book("polymarket:game")

    def see(_: Message) -> None:
        nonlocal inside
        inside += book.reason is None and book.ladders[0].crossed

    out = machine.finish(replay(machine, frames, read, see) + 1_000_000)
    return machine, out, seen, frames, inside


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda d: d.game)
def test_a_crossed_book_or_one_that_differs_from_its_mirror_is_unknown_until_the_next(drift: Drift) -> None:
    machine, out, seen, _, inside = followed(drift)
    assert dict(seen) == {"Snapshot": drift.books, "Change": drift.changes, "levels": drift.levels}
    lost = [gap for gap in out.gaps if gap.reason is not Reason.BEFORE_SNAPSHOT]
    assert [(gap.reason.value, ((gap.to_at or 0) - gap.from_at) // 1000) for gap in lost] == drift.gaps
    assert machine.book("polymarket:game").missing_removals == drift.missing_removals
    check(out, "polymarket:game")
    assert {row.reason for row in out.rows} <= {None, *(gap.reason for gap in lost)}
    assert bool(inside) == any(gap.reason is Reason.CROSSED for gap in lost)
    assert sum(row.state is BookState.LIVE for row in out.rows) > 100


# --- single types


def test_every_recorded_trade_of_the_stream_is_exact_in_the_order_of_arrival() -> None:
    lines = (RECORDINGS / TRADES).read_bytes().splitlines()
    trades = [event for event in level_batch(lines) if isinstance(event, Traded)]
    assert len(trades) == len(lines) == 40
    for line, trade in zip(lines, trades, strict=True):
        served = json.loads(line)
        assert (trade.token, trade.trade_id, trade.at) == (
            served["asset_id"],
            served["transaction_hash"],
            int(served["timestamp"]) * 1000,
        )
        assert trade.buys == (served["side"] == "BUY")
        assert Decimal(trade.size) / ONE == Decimal(served["size"])
        assert Decimal(trade.price) / ONE == Decimal(served["price"])
    assert sum(later.at < earlier.at for earlier, later in pairwise(trades) if later.at and earlier.at) == 1


@pytest.mark.parametrize(("name", "kind"), SINGLE.items(), ids=SINGLE)
def test_frames_of_2024_are_read_in_their_format(name: str, kind: type[Event]) -> None:
    events = read((RECORDINGS / name).read_bytes()).events
    assert {type(event) for event in events} == {kind}
    if name.endswith("price_change_v2.json"):
        assert [(e.side, e.price) for e in events if isinstance(e, Change)] == [
            (Side.BID, 600_000),
            (Side.BID, 500_000),
            (Side.BID, 700_000),
        ]


def test_a_book_of_2024_has_another_hash() -> None:
    (book,) = read((RECORDINGS / f"{WS}/nautilus_book.json").read_bytes()).events
    assert isinstance(book, Snapshot)
    assert book.hash is not None
    assert not hashes(book)
