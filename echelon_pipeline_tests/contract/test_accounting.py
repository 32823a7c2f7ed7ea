"""Every recorded file has exactly one home: one contract test reads it, or a reason says why nothing does.

Belongs here: the account over all of them. What a file's values must be is in the tests beside this one.
Run as a module, it prints the table: what was read, what became rows, what did not and why.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.books.events import Message, Unreadable
from echelon_pipeline.ingest.bulk_job import IDENTICAL_ROW, SAME_KEY
from echelon_pipeline.venues.kalshi.parse import KINDS as KALSHI_KINDS
from echelon_pipeline.venues.kalshi.stream import read as read_kalshi
from echelon_pipeline.venues.page import RawObject
from echelon_pipeline.venues.polymarket.parse import KINDS as POLYMARKET_KINDS
from echelon_pipeline_tests.contract import test_bulk_recordings as bulk
from echelon_pipeline_tests.contract import test_kalshi_recordings as kalshi
from echelon_pipeline_tests.contract import test_kalshi_streams as kalshi_streams
from echelon_pipeline_tests.contract import test_polymarket_gamma as gamma
from echelon_pipeline_tests.contract import test_polymarket_prices_and_trades as feeds
from echelon_pipeline_tests.contract import test_polymarket_streams as polymarket_streams
from echelon_pipeline_tests.fakes import RECORDINGS, Parsed, needs_recordings, parse_payloads
from echelon_pipeline_tests.polymarket_payloads import context, load, market_objects, page, parse, parse_pages
from echelon_pipeline_tests.recorded_streams import (
    Recorded,
    bursts,
    flattened,
    many_markets,
    one_ticker,
    rotating,
    split_by_type,
)

pytestmark = needs_recordings

FOLDERS = (
    *("kalshi/rest", "kalshi/mve", "kalshi/history", "kalshi/tape", "kalshi/universe", "kalshi/book_top"),
    *("polymarket/gamma", "polymarket/clob_book", "polymarket/data_api", "polymarket/history"),
    *("polymarket/prices_history", "polymarket/trades", "polymarket/ws_market"),
    *("kalshi/ws", *kalshi_streams.BTC_FOLDERS),
    *("cross/paired_quotes", "cross/pairs", "cross/resolved_questions", "cross/snapshots"),
)
CLOB_PAGES = ("gamma/nautilus_clob_markets_page.json", "gamma/clob_markets_page_2025-05.json.gz")
KEPT_RAW = "cut out by the client and kept raw: no table holds such objects"

# Kinds of answers whose records each are one row of a table.
ONE_ROW_EACH = {
    "kalshi REST markets": "core.instruments",
    "kalshi REST events": "core.events",
    "kalshi REST series": "core.series",
    "kalshi REST trades": "core.trades",
    "polymarket trades (Data API v1, CLOB)": "core.trades",
}

# Why no row comes from a file; the names are those that the contract tests leave out.
REASONS = {
    "kalshi/rest/cockpit_price_grids.json": "a recorder's extract of price grids that market objects carry themselves",
    "kalshi/rest/golden_event_metadata_response.json": "pictures and settlement sources of one event: not read",
    "kalshi/rest/golden_exchange_schedule_response.json": "opening hours of the exchange: not read",
    "kalshi/rest/golden_exchange_status_response.json": "whether the exchange trades at this moment: not read",
    "kalshi/rest/golden_filters_by_sport_response.json": "choices of a search form: not read",
    "kalshi/rest/golden_live_data_batch_response.json": "scores of games in play: not read",
    "kalshi/rest/golden_milestones_list_response.json": "milestones of events: not read",
    "kalshi/rest/golden_multivariate_event_collection_lookup_tickers_response.json": "one combo's ticker: not read",
    "kalshi/rest/golden_multivariate_event_collection_single_response.json": "one collection of combos: not read",
    "kalshi/rest/golden_series_fee_changes_response.json": "announced fee changes, none in the recording: not read",
    "kalshi/rest/golden_structured_targets_list_response.json": "targets that structured strikes name: not read",
    "kalshi/rest/golden_tags_by_categories_response.json": "choices of a search form: not read",
    "polymarket/clob_book/fed_june_2026_clob_markets.json": "compact CLOB markets: the same facts come from Gamma",
    "polymarket/data_api/data_activity.json": "one account's activity: accounts are not read",
    "polymarket/data_api/data_positions.json": "one account's positions: accounts are not read",
    "polymarket/data_api/data_value.json": "one account's value: accounts are not read",
    **bulk.NOT_LOADED,
}

# Endpoints that the clients read and of which no recording has an answer: nothing but the published
# specification and the reference says what they look like.
UNRECORDED = (
    "kalshi GET /historical/cutoff",
    "kalshi GET /historical/markets",
    "kalshi GET /historical/markets/{ticker}",
    "kalshi GET /historical/markets/{ticker}/candlesticks",
    "kalshi GET /historical/trades",
    "polymarket clob POST /batch-prices-history (points of GET /prices-history are recorded)",
    "polymarket clob GET /builder/trades",
    "polymarket clob GET /fees/builder-fees/{code}",
    "polymarket clob GET /tick-size",
    "polymarket data GET /v2/trades (rows of v1 are recorded)",
    "polymarket data GET /v2/tokens",
    "polymarket data GET /v2/resolutions",
    "polymarket data GET /v2/prices-history",
    "polymarket data GET /v2/builders/leaderboard and /v2/builders/volume",
    "polymarket data GET /v2/status",
    "polymarket gamma GET /markets/keyset and /events/keyset (the objects are recorded, these envelopes are not)",
    "polymarket gamma GET /series and /tags (recorded inside of events only)",
)


def manifest() -> dict[str, int]:
    """Files of the manifest in the folders above, with their records."""
    return {name: records for name, records in bulk.manifest().items() if name.rpartition("/")[0] in FOLDERS}


@cache
def homes() -> dict[str, set[str]]:
    """By contract test, the files that it reads."""
    names = [*kalshi.MARKETS, *kalshi.EVENTS, *kalshi.SERIES, *kalshi.CANDLES, *kalshi.SERVED]
    patterns = [*(kind.pattern for kind in bulk.KINDS), bulk.CANDLES]
    return {
        "kalshi": {f"kalshi/{name[0]}" for name in names} | {"kalshi/rest/golden_trades_list_response.json"},
        "kalshi books": {f"kalshi/{name}" for name in kalshi.BOOKS},
        "gamma": {f"polymarket/{name}" for name in (*(f"gamma/{f}" for f in gamma.FILES), *CLOB_PAGES)},
        "feeds": {f"polymarket/{name}" for name in (*feeds.TRADES, *feeds.PRICES)},
        "bulk": {name for name in manifest() if any(fnmatch(name, pattern) for pattern in patterns)},
        "kalshi streams": kalshi_streams.files(),
        "polymarket streams": polymarket_streams.files(),
    }


def streams() -> set[str]:
    """Captures and books: what becomes of them are events, not rows of a table."""
    return homes()["kalshi streams"] | homes()["polymarket streams"]


def reasons(name: str) -> list[str]:
    """Why a file is read by no contract test."""
    return [reason for pattern, reason in REASONS.items() if fnmatch(name, pattern)]


# --- the account


@dataclass
class Line:
    """One kind of file: what its records became. ``records``: objects of an answer, lines of a file."""

    kind: str
    files: set[str] = field(default_factory=set)
    records: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    not_loaded: str = ""

    def take(self, name: str, records: int, found: Parsed) -> None:
        """Adds one file's parse run."""
        self.files.add(name)
        self.records += records
        self.rows += Counter({table: len(rows) for table, rows in found.rows.items()})
        self.dead += Counter(row["reason"].partition(", got ")[0] for row in found.dead)

    def cells(self) -> list[str]:
        dead = "; ".join(f"{count:,} {reason}" for reason, count in self.dead.most_common(3))
        tables = ", ".join(f"{table.removeprefix('core.')} {count:,}" for table, count in sorted(self.rows.items()))
        total = f"{self.dead.total():,}" + (f" ({dead})" if dead else "")
        return [self.kind, f"{len(self.files)}", f"{self.records:,}", tables or "0", f"{self.duplicates:,}", total]


def kalshi_lines() -> Iterator[Line]:
    """Kalshi's REST answers through their parsers."""
    lists: dict[str, list[Any]] = {"markets": kalshi.MARKETS, "events": kalshi.EVENTS, "series": kalshi.SERIES}
    for endpoint, entries in lists.items():
        line = Line(f"kalshi REST {endpoint}")
        for name, cut, *_ in entries:
            objects = cut(kalshi.answer(name))
            line.take(f"kalshi/{name}", len(objects), parse_payloads(KALSHI_KINDS[endpoint], objects))
        yield line
    trades = kalshi.answer("rest/golden_trades_list_response.json")["trades"]
    line = Line("kalshi REST trades")
    line.take("kalshi/rest/golden_trades_list_response.json", 5, parse_payloads(KALSHI_KINDS["trades"], trades))
    assert len(trades) == line.records
    yield line
    line = Line("kalshi REST candles (records are candles, rows are days)")
    for name, lists_of, *_ in kalshi.CANDLES:
        for ticker, asked, candles in lists_of():
            said = {k: asked[k] for k in ("period_interval", "start_ts", "end_ts")} | {"ticker": ticker, "tier": "live"}
            payload = {"market_ticker": ticker, "candlesticks": candles}
            found = parse_payloads(KALSHI_KINDS["candlesticks"], [payload], context=json.dumps(said))
            line.take(f"kalshi/{name}", len(candles), found)
    yield line
    line = Line("kalshi REST books", not_loaded="proof of books of streams, or imported as frames")
    for name, records in kalshi.BOOKS.items():
        line.take(f"kalshi/{name}", records, Parsed({}, [], []))
    yield line
    line = Line("kalshi REST collections, exchange", not_loaded=KEPT_RAW)
    parsed = {name for some in (*lists.values(), kalshi.CANDLES) for name, *_ in some}
    for name, cut, *_ in kalshi.SERVED:
        if name not in parsed and "trades" not in name:
            served = kalshi.ENVELOPE.get(name, lambda a: a)(kalshi.answer(name))
            line.take(f"kalshi/{name}", len(cut(served)), Parsed({}, [], []))
    yield line


def polymarket_lines() -> Iterator[Line]:
    """Gamma's, the CLOB's and the Data API's answers through their parsers."""
    markets, events, series = (Line(f"polymarket Gamma {what}") for what in ("markets", "events", "series in events"))
    for name in gamma.FILES:
        found, bare = gamma.gamma()[name]
        objects = market_objects(found, bare)
        markets.take(f"polymarket/gamma/{name}", len(objects), gamma.parsed(name)[1])
        if found:
            events.take(f"polymarket/gamma/{name}", len(found), parse("events", found))
        inside = [s for event in found for s in event.get("series") or []]
        if inside:
            series.take(f"polymarket/gamma/{name}", len(inside), parse("series", inside))
    yield from (markets, events, series)
    line = Line("polymarket CLOB markets")
    for name in CLOB_PAGES:
        rows = load(name)["data"]
        tokens = [
            (t["token_id"], f"polymarket:{r['condition_id']}", n)
            for r in rows
            if r["condition_id"]
            for n, t in enumerate(r["tokens"])
            if t["token_id"]
        ]
        line.take(f"polymarket/{name}", len(rows), parse("clob_markets", rows, tokens))
    yield line
    line = Line("polymarket trades (Data API v1, CLOB)")
    for name in feeds.TRADES:
        line.take(f"polymarket/{name}", len(load(name)), parse("trades_v1", load(name)))
    yield line
    yield _prices()


def _prices() -> Line:
    line = Line("polymarket price histories (records are tokens, rows are days)")
    for name in feeds.PRICES:
        answer = load(name)
        start, end = (feeds.day_start(day) for day in answer["window"])
        objects, known = [], []
        for bucket in (bucket for market in answer["markets"] for bucket in market["buckets"]):
            token = bucket["yes_token"]
            asked = context(token_id=token, start_ts=start, end_ts=end, fidelity=60, source="clob")
            objects.append(RawObject(json.dumps({"history": bucket["history"]}).encode(), token, asked))
            known += [(token, f"polymarket:{token}", 0), (f"{token}-other", f"polymarket:{token}", 1)]
        found = parse_pages(POLYMARKET_KINDS["prices_history"], [page("prices_history", objects)], known)
        line.take(f"polymarket/{name}", len(objects), found)
    return line


def bulk_lines(home: Path) -> Iterator[Line]:
    """Bulk files through ``import``: minutes, because every file is loaded."""
    for account in bulk.accounting(home):
        line = Line(f"{account.pattern} as {account.table}", set(account.reports), account.total("records"))
        line.rows[account.table] = account.total("rows_committed")
        line.duplicates = account.total("duplicates")
        line.dead = Counter({why: n for why, n in account.reasons.items() if why not in (IDENTICAL_ROW, SAME_KEY)})
        assert line.dead.total() == account.total("dead_letters"), line
        yield line


def stream_lines() -> Iterator[Line]:
    """Captures of sockets, frame by frame; the rows of these lines are events."""
    gold = [(capture.name, one_ticker(capture.name)) for capture in kalshi_streams.GOLD]
    btc = [(folder, rotating(split_by_type(folder))) for folder in kalshi_streams.BTC_FOLDERS]
    multi = [(kalshi_streams.MULTI, many_markets(kalshi_streams.MULTI))]
    yield from _events("kalshi WebSocket", [*gold, *btc, *multi], read_kalshi)
    raw = [(burst.name, bursts(burst.name)) for burst in polymarket_streams.BURSTS]
    drift = [(drift.name, flattened(drift.name)) for drift in polymarket_streams.DRIFTS]
    yield from _events("polymarket WebSocket", [*raw, *drift], polymarket_streams.reader)


def _events(
    kind: str, captures: list[tuple[str, Iterator[Recorded]]], read: Callable[[bytes], Message]
) -> Iterator[Line]:
    for name, frames in captures:
        line = Line(f"{kind}: frames of {name.rpartition('/')[2]} (rows are events)", {name})
        for frame in frames:
            line.records += 1
            events = read(frame.payload).events
            line.rows.update(type(event).__name__ for event in events)
            line.dead.update(event.reason for event in events if isinstance(event, Unreadable))
        yield line


def absent_lines() -> Iterator[Line]:
    """Files without a home, by reason."""
    read = set().union(*homes().values())
    by_reason: dict[str, Line] = defaultdict(lambda: Line(""))
    for name, records in manifest().items():
        if name not in read:
            line = by_reason[reasons(name)[0]]
            line.kind = f"{line.kind}, {name}".removeprefix(", ")
            line.files.add(name)
            line.records += records
            line.not_loaded = reasons(name)[0]
    yield from by_reason.values()


def table(lines: Iterable[Line]) -> Iterator[str]:
    """The account as a Markdown table."""
    heads = ("file kind", "files", "records", "rows", "duplicates", "dead letters", "not loaded, and why")
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for line in lines:
        yield f"| {' | '.join([*line.cells(), line.not_loaded])} |"


# --- the tests


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_recorded_file_is_read_by_one_contract_test_or_has_one_reason(folder: str) -> None:
    files = [name for name in manifest() if name.startswith(f"{folder}/")]
    assert files
    for name in files:
        readers = [test for test, read in homes().items() if name in read]
        assert len(readers) == 1 or (not readers and len(reasons(name)) == 1), (name, readers, reasons(name))


def test_the_manifest_names_every_file_of_these_folders_and_no_other() -> None:
    on_disk = {f"{folder}/{p.name}" for folder in FOLDERS for p in (RECORDINGS / folder).iterdir() if p.is_file()}
    assert on_disk == set(manifest())
    assert set().union(*homes().values()) <= on_disk


def test_reasons_are_given_for_what_the_contract_tests_leave_out_and_for_nothing_else() -> None:
    left_out = {f"kalshi/{name}" for name in kalshi.UNREAD} | {f"polymarket/{name}" for name in feeds.WITHOUT_KIND}
    assert set(REASONS) == (left_out | set(bulk.NOT_LOADED)) - streams()


@cache
def answers() -> tuple[Line, ...]:
    return (*kalshi_lines(), *polymarket_lines())


def test_every_record_of_an_answer_becomes_a_row_or_a_dead_letter() -> None:
    """Where a record is one row; Gamma's recordings repeat markets, candles and points make days."""
    for kind, main in ONE_ROW_EACH.items():
        (line,) = (line for line in answers() if line.kind == kind)
        assert line.records == line.rows[main] + line.dead.total() > 0, line
    assert all(not line.dead for line in answers() if line.kind != "polymarket CLOB markets")


def test_the_table_accounts_for_every_file_of_the_venues_answers() -> None:
    lines = [*answers(), *absent_lines()]
    assert set().union(*(line.files for line in lines)) == set(manifest()) - homes()["bulk"] - streams()
    assert all(line.records for line in lines)
    (markets,) = (row for row in table(lines) if row.startswith("| kalshi REST markets |"))
    assert markets.startswith(
        f"| kalshi REST markets | 9 | {sum(m[2] for m in kalshi.MARKETS)} | instrument_quotes 913,"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        read = [*kalshi_lines(), *polymarket_lines(), *stream_lines(), *bulk_lines(Path(scratch))]
        for row in table([*read, *absent_lines()]):
            sys.stdout.write(f"{row}\n")
    for endpoint in UNRECORDED:
        sys.stdout.write(f"no recording: {endpoint}\n")
