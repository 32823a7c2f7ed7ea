"""The venue's best prices, compared with the ladder.

Belongs here: rule 17 of ``books/__init__.py`` in the machine. ``test_replayer_polymarket.py`` tests the compiled rules.
"""

from __future__ import annotations

from typing import Any

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Change, Level, Quoted, Side, Snapshot
from echelon_pipeline.books.rows import BookState
from echelon_pipeline.domain.scaled import CENT, ONE
from echelon_pipeline_tests.book_streams import FACTS, MS, START, Stream, cents, digest, put, snapshot

BID, ASK = Side.BID, Side.ASK
BIDS, ASKS = cents((40, 5), (30, 7)), cents((60, 3))
PLAIN = Instrument("polymarket:0xm", ("0", "1"))  # without facts no hash speaks for its book
KNOWN = Instrument("polymarket:0xm", ("0", "1"), facts=FACTS)


def begun(instrument: Instrument = PLAIN) -> Stream:
    stream = Stream(instrument)
    stream.send(snapshot("0", BIDS, ASKS, START))
    stream.settle()
    return stream


def change(bid: int | None, ask: int | None, *, at: int = 1, price: int = 20, **fields: Any) -> Change:
    """A change far from the best prices, with best prices in cents."""
    best = [None if cents is None else cents * CENT for cents in (bid, ask)]
    said = {"token": "0", "side": BID, "price": price * CENT, "size": ONE, "relative": False, "at": START + at * MS}
    return Change(**{**said, "best_bid": best[0], "best_ask": best[1], **fields})


def reason(stream: Stream, after: int = 300) -> str | None:
    """The reason of the book this many milliseconds after the last frame."""
    stream.machine.advance(stream.now + after * MS)
    return stream.machine.row(PLAIN.instrument_id).reason


@pytest.mark.parametrize(("bid", "ask"), [(41, 60), (40, 59), (41, 59), (0, 60), (40, 0), (39, 60)])
def test_best_prices_that_differ_for_250_ms_invalidate_the_book(bid: int, ask: int) -> None:
    stream = begun()
    stream.send(change(bid, ask))
    assert reason(stream, 299) is None
    assert reason(stream, 300) == "best_prices"
    assert stream.machine.needs_snapshot == ["0", "1"]
    stream.now += 300 * MS
    stream.send(change(40, 60, at=400))
    assert reason(stream) == "best_prices"  # a change is no book
    stream.now += 300 * MS
    back = stream.send(snapshot("0", BIDS, ASKS, START + 800 * MS))
    out = stream.end()
    assert [state for state in stream.states(out) if state[0] == "unknown"][1:] == [("unknown", "best_prices")]
    assert [(gap.reason, gap.to_at) for gap in out.gaps][1:] == [("best_prices", back)]


@pytest.mark.parametrize(("bid", "ask"), [(40, 60), (40, None), (None, None)])
def test_equal_or_missing_best_prices_invalidate_nothing(bid: int | None, ask: int | None) -> None:
    stream = begun()
    stream.send(change(bid, ask))
    assert reason(stream, 10_000) is None


@pytest.mark.parametrize(("bids", "asks", "said"), [((), ASKS, (0, 60)), (BIDS, (), (40, 0))])
def test_best_prices_0_and_1_are_empty_sides(
    bids: tuple[Level, ...], asks: tuple[Level, ...], said: tuple[int, int]
) -> None:
    stream = Stream(PLAIN)
    stream.send(snapshot("0", bids, asks, START))
    stream.send(change(*said, price=20 if bids else 90, side=BID if bids else ASK))
    assert reason(stream) is None
    stream.send(change(*(price or 50 for price in said), at=2, price=20 if bids else 90, side=BID if bids else ASK))
    assert reason(stream, 600) == "best_prices"


def test_best_prices_of_the_other_token_are_compared_with_its_ladder() -> None:
    for ask, lost in ((60, None), (61, "best_prices")):
        stream = begun()
        stream.send(snapshot("1", cents((40, 3)), cents((60, 5), (70, 7)), START))
        stream.send(change(None, None, price=20), change(40, ask, token="1", price=80, side=ASK))
        assert reason(stream) == lost


def test_best_prices_that_agree_again_within_250_ms_invalidate_nothing() -> None:
    stream = begun()
    stream.send(change(41, 60))
    stream.send(change(41, 60, at=100, price=41), after=100 * MS)
    assert reason(stream, 1_000) is None
    stream.now += 1_000 * MS
    stream.send(change(42, 60, at=1_100))
    stream.send(snapshot("0", BIDS, ASKS, START + 1_200 * MS), after=100 * MS)
    assert reason(stream, 1_000) is None


def test_a_new_difference_does_not_restart_the_250_ms() -> None:
    stream = begun()
    first = stream.send(change(41, 60))
    stream.send(change(42, 60, at=100), after=100 * MS)
    out = stream.end()
    assert out.gaps[-1].reason == "best_prices"
    # Its batch ended with the frame that came 100 ms after it, or 50 ms of silence.
    assert out.gaps[-1].from_at == first + 300 * MS


def test_a_change_without_best_prices_discards_earlier_ones() -> None:
    stream = begun()
    stream.send(change(41, 60))
    stream.send(put("0", BID, 45, 1, START + 100 * MS), after=100 * MS)
    assert reason(stream, 1_000) is None


def test_a_matching_hash_overrides_best_prices() -> None:
    stream = Stream(KNOWN)
    stream.send(Snapshot("0", BIDS, ASKS, START, digest(BIDS, ASKS, START), FACTS))
    stream.settle()
    after = (*BIDS, *cents((20, 1)))
    stream.send(change(41, 60, hash=digest(after, ASKS, START + MS)))
    assert reason(stream, 1_000) is None


def test_the_ladder_must_reach_a_quote_of_a_later_time() -> None:
    for at, bid, lost in ((1, 41, "best_prices"), (0, 41, None), (-1, 41, None), (1, 40, None), (None, 41, None)):
        stream = begun()
        stream.send(Quoted("0", bid * CENT, 60 * CENT, at=None if at is None else START + at * MS))
        assert reason(stream) == lost
    stream = begun()
    stream.send(Quoted("0", 41 * CENT, None, at=START + MS))
    stream.send(change(41, 60, at=2, price=41), after=200 * MS)
    assert reason(stream, 1_000) is None


def test_a_quote_of_a_numbered_subscription_is_not_compared_with_books() -> None:
    """Kalshi's ticker has a clock of its own."""
    name = "kalshi:K"
    stream = Stream(Instrument(name, ("K",)))
    stream.send(snapshot("K", BIDS, ASKS, START), sid=2, seq=1)
    stream.settle()
    stream.send(Quoted("K", 41 * CENT, 60 * CENT, at=START + MS), sid=1)
    stream.machine.advance(stream.now + 1_000 * MS)
    assert stream.machine.row(name).state is BookState.LIVE
