"""Replaying: which connections have a book, and which of them is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.rows import BookState
from echelon_pipeline.errors import CorruptStore, NotFound
from echelon_pipeline.streams import replayer
from echelon_pipeline.streams.book_columns import ChainColumns, Span
from echelon_pipeline.streams.chains import Chain, Follower, chains
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.replay import book_of, replay
from echelon_pipeline.streams.segments import OPEN, Connection, segments

SECOND = 1_000_000
A = Instrument("kalshi:A", ("A",))


def connection(root: Path, name: str, *tickers: str, feed: int = 0, begin: int) -> None:
    """A connection that brings the book of each ticker: one bid of 40 cents whose size is the second it came at."""
    log = Log(
        root,
        Connection("kalshi", "record", 0, feed, name, "wss://example.test"),
        [Instrument(f"kalshi:{ticker}", (ticker,)) for ticker in tickers],
    )
    for number, ticker in enumerate(tickers):
        msg = {"market_ticker": ticker, "yes_dollars_fp": [["0.40", f"{begin}.00"]], "no_dollars_fp": []}
        frame = {"type": "orderbook_snapshot", "sid": 1, "seq": number + 1, "msg": msg}
        log.add(begin * SECOND + number, json.dumps(frame).encode())
    log.flush()
    log.rotate()


def bid(root: Path, ticker: str, until: int | None = None) -> tuple[BookState, int | None] | None:
    """State and size of the best bid."""
    row = book_of(segments(root), f"kalshi:{ticker}", until=until)
    return None if row is None else (row.state, row.bids[0][1] // SECOND if row.bids else None)


def test_a_book_that_a_later_connection_was_not_opened_for_is_shown_as_it_was_last_known(tmp_path: Path) -> None:
    connection(tmp_path, "1", "A", begin=10)
    connection(tmp_path, "2", "B", begin=20)
    assert bid(tmp_path, "A") == (BookState.LIVE, 10)
    assert bid(tmp_path, "A", until=10 * SECOND + SECOND // 2) == (BookState.LIVE, 10)


def test_there_is_no_book_between_two_connections_nor_after_the_last(tmp_path: Path) -> None:
    connection(tmp_path, "1", "A", begin=10)
    connection(tmp_path, "2", "A", begin=35)
    for at in (12, 20, 34, 37):
        assert bid(tmp_path, "A", until=at * SECOND) == (BookState.UNKNOWN, None)
    assert bid(tmp_path, "A") == (BookState.LIVE, 35)


def test_a_recording_that_goes_on_is_live_until_its_proof_is_too_old(tmp_path: Path) -> None:
    connection(tmp_path, "1", "A", begin=10)
    [closed] = segments(tmp_path)
    closed.rename(closed.with_suffix(OPEN))
    assert bid(tmp_path, "A", until=25 * SECOND) == (BookState.LIVE, 10)
    assert bid(tmp_path, "A", until=50 * SECOND) == (BookState.STALE, 10)


def test_a_book_that_moved_to_another_feed_is_followed(tmp_path: Path) -> None:
    connection(tmp_path, "1", "A", "B", begin=10)
    connection(tmp_path, "2", "B", begin=100)
    connection(tmp_path, "3", "A", feed=1, begin=100)
    assert bid(tmp_path, "A") == (BookState.LIVE, 100)
    assert bid(tmp_path, "A", until=100 * SECOND + SECOND // 2) == (BookState.LIVE, 100)
    assert bid(tmp_path, "A", until=10 * SECOND + SECOND // 2) == (BookState.LIVE, 10)


def test_a_book_that_was_valid_when_an_earlier_recording_ended_is_not_shown_as_the_last(tmp_path: Path) -> None:
    connection(tmp_path, "1", "A", begin=10)
    log = Log(tmp_path, Connection("kalshi", "record", 1, 0, "2", "wss://example.test"), [A])
    log.add(100 * SECOND, json.dumps({"type": "subscribed", "msg": {"channel": "trade", "sid": 1}}).encode())
    log.flush()
    log.rotate()
    assert bid(tmp_path, "A") == (BookState.UNKNOWN, None)


def test_what_nobody_recorded_is_named_and_what_came_later_is_not_shown(tmp_path: Path) -> None:
    connection(tmp_path, "1", "A", begin=10)
    with pytest.raises(NotFound, match="no order book of kalshi:B was recorded"):
        bid(tmp_path, "B")
    assert bid(tmp_path, "A", until=10 * SECOND) is None


def stepped(root: Path, name: str, *times: int) -> Path:
    """A connection that brings the book of A at each of these seconds by our clock: one bid of that size."""
    log = Log(root, Connection("kalshi", "record", 0, 0, name, "wss://example.test"), [A])
    for number, at in enumerate(times):
        msg = {"market_ticker": "A", "yes_dollars_fp": [["0.40", f"{at}.00"]], "no_dollars_fp": []}
        log.add(
            at * SECOND, json.dumps({"type": "orderbook_snapshot", "sid": 1, "seq": number + 1, "msg": msg}).encode()
        )
        log.flush()
    path = log.rotate()
    assert path is not None
    return path


def test_the_last_frame_counts_where_our_clock_stepped_back_before_it(tmp_path: Path) -> None:
    stepped(tmp_path, "1", 1_000, 400)
    assert bid(tmp_path, "A") == (BookState.LIVE, 400)


def test_frames_that_our_clock_puts_before_others_are_counted(tmp_path: Path) -> None:
    stepped(tmp_path, "1", 1_000, 400, 500, 1_001)
    [chain] = chains(segments(tmp_path))
    assert replay(chain).met["clock_backwards"] == 2


def test_what_arrived_after_an_instant_is_not_of_before_it_though_our_clock_says_so(tmp_path: Path) -> None:
    stepped(tmp_path, "1", 10, 30)
    stepped(tmp_path, "2", 15)
    assert bid(tmp_path, "A", until=20 * SECOND) == (BookState.LIVE, 10)


def test_damage_after_an_instant_does_not_matter_before_it(tmp_path: Path) -> None:
    damaged = stepped(tmp_path, "1", 10, 30, 40)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert bid(tmp_path, "A", until=20 * SECOND) == (BookState.LIVE, 10)
    with pytest.raises(CorruptStore):
        bid(tmp_path, "A")


def test_large_frames_are_replayed_in_smaller_pieces_and_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepped(tmp_path, "1", 10, 11, 12)
    [chain] = chains(segments(tmp_path))
    pieces, said = [[fed.frames.num_rows for fed in Follower(chain).play()]], [replay(chain)]
    monkeypatch.setattr("echelon_pipeline.streams.chains.BATCH_BYTES", 1)
    pieces.append([fed.frames.num_rows for fed in Follower(chain).play()])
    said.append(replay(chain))
    assert pieces == [[3], [1, 1, 1]]
    assert said[0] == said[1]


@pytest.mark.xdist_group("compiled")
def test_a_chain_says_the_same_whoever_follows_the_rules(tmp_path: Path) -> None:
    connection(tmp_path, "1", "A", "B", begin=10)
    connection(tmp_path, "2", "A", begin=35)
    stepped(tmp_path, "3", 50, 45, 52)
    [chain] = chains(segments(tmp_path))
    for until in (None, 12 * SECOND, 35 * SECOND + 10, 51 * SECOND):
        assert replay(chain, until=until, compiled_from=0) == replay(chain, until=until)
    assert told(chain, compiled_from=0) == told(chain)


def told(chain: Chain, **options: int) -> tuple[dict[str, list[str]], dict[str, Span]]:
    """What a chain tells of [11 s, 51 s) in tables, each in any order, and its spans."""
    columns, found = ChainColumns(chain, since=11 * SECOND, until=51 * SECOND, **options), dict[str, list[str]]()
    for name, batch in columns.batches():
        found.setdefault(name, []).extend(map(str, batch.to_pylist()))
    return {name: sorted(rows) for name, rows in found.items()}, columns.spans


@pytest.fixture
def without_fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home without the extra ``fast``: its packages cannot be found."""
    monkeypatch.setattr("echelon_pipeline.streams.replayer.find_spec", lambda _name: None)
    replayer.is_fast.cache_clear()
    yield
    replayer.is_fast.cache_clear()


def test_without_compiled_rules_the_machine_replays_the_same_and_one_line_names_the_extra(
    tmp_path: Path, without_fast: None, caplog: pytest.LogCaptureFixture
) -> None:
    connection(tmp_path, "1", "A", "B", begin=1_000_000)
    (chain,) = chains(segments(tmp_path))
    assert told(chain, compiled_from=0) == told(chain, compiled_from=10**9)
    assert [record.getMessage() for record in caplog.records] == [replayer.NOT_FAST]
    assert "echelon-pipeline[fast]" in replayer.NOT_FAST
