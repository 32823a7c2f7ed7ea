"""Every instrument that the recordings name, with what they say of it, as rows of the core tables, by file.

Belongs here: reading. Answers of the venues go through the parsers; files of other publishers are read by hand,
because most of what they name is not importable (no condition id, prices of one poll), but has a title.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from echelon_pipeline.domain.derived import display_names_sql, ticker_categories_sql
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.venues.kalshi.parse import KINDS
from echelon_pipeline.venues.polymarket.parse import KINDS as POLYMARKET_KINDS
from echelon_pipeline_tests.contract import test_bulk_recordings as bulk
from echelon_pipeline_tests.contract import test_kalshi_recordings as kalshi
from echelon_pipeline_tests.contract import test_polymarket_gamma as gamma
from echelon_pipeline_tests.fakes import RECORDINGS, parse_payloads
from echelon_pipeline_tests.polymarket_payloads import load, market_objects, page, parse, parse_pages
from echelon_pipeline_tests.ticker_rows import register_sparse

Row = dict[str, Any]


@dataclass
class File:
    """What one file (or one kind of file) names, as sparse rows of the core tables."""

    name: str
    venue: str
    instruments: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    series: list[Row] = field(default_factory=list)
    outcomes: list[Row] = field(default_factory=list)


def market(venue: str, native_id: str, *, event: str | None = None, series: str | None = None, **said: Any) -> Row:
    """An instrument of which little is known."""
    ids = {"event_id": event and f"{venue}:{event}", "series_id": series and f"{venue}:{series}"}
    return {"venue": venue, "bucket": 0, "instrument_id": f"{venue}:{native_id}", "native_id": native_id} | ids | said


def once(rows: Iterable[Row]) -> list[Row]:
    """The last row of each instrument."""
    return list({row["instrument_id"]: row for row in rows}.values())


def kalshi_answers() -> Iterator[File]:
    """All answers in one parse run each kind: planning a run takes longer than running it."""
    objects = {name: cut(kalshi.answer(name)) for name, cut, *_ in kalshi.EVENTS}
    events = parse_payloads(KINDS["events"], [e for some in objects.values() for e in some]).rows["core.events"]
    objects = {name: cut(kalshi.answer(name)) for name, cut, *_ in kalshi.SERIES}
    series = parse_payloads(KINDS["series"], [s for some in objects.values() for s in some]).rows["core.series"]
    markets = [(name, cut(kalshi.answer(name))) for name, cut, *_ in kalshi.MARKETS]
    rows = parse_payloads(KINDS["markets"], [m for _, some in markets for m in some]).rows
    for name, some in markets:
        mine = {f"kalshi:{m['ticker']}" for m in some}
        file = File(f"kalshi/{name}", "kalshi", events=events, series=series)
        file.instruments = [r for r in rows["core.instruments"] if r["instrument_id"] in mine]
        file.outcomes = [r for r in rows["core.outcomes"] if r["instrument_id"] in mine]
        yield file


def gamma_answers() -> Iterator[File]:
    found = gamma.gamma()
    objects = {name: market_objects(*found[name]) for name in gamma.FILES}
    rows = parse_pages(
        POLYMARKET_KINDS["markets"], [page("markets", [o for some in objects.values() for o in some])]
    ).rows
    events = [e for name in gamma.FILES for e in found[name][0]]
    event_rows = parse("events", events).rows["core.events"]
    series_rows = parse("series", [s for e in events for s in e.get("series") or []]).rows["core.series"]
    for name, some in objects.items():
        mine = {f"polymarket:{json.loads(o.payload)['conditionId']}" for o in some}
        file = File(f"polymarket/gamma/{name}", "polymarket", events=event_rows, series=series_rows)
        file.instruments = [r for r in rows["core.instruments"] if r["instrument_id"] in mine]
        file.outcomes = [r for r in rows["core.outcomes"] if r["instrument_id"] in mine]
        yield file


def clob_pages() -> Iterator[File]:
    for name in ("gamma/nautilus_clob_markets_page.json", "gamma/clob_markets_page_2025-05.json.gz"):
        rows = (
            market("polymarket", r["condition_id"], title=r["question"], slug=r["market_slug"], tags=r["tags"])
            for r in load(name)["data"]
            if r["condition_id"]
        )
        yield File(f"polymarket/{name}", "polymarket", once(rows))


def _census() -> File:
    file = File("kalshi/universe/markets_index.csv.gz", "kalshi")
    for row in bulk.read(RECORDINGS / file.name):
        said = {"strike_type": row["strike_type"], "status": row["status"]}
        file.instruments.append(
            market("kalshi", row["ticker"], event=row["event_ticker"], series=row["series_ticker"], **said)
        )
    for row in bulk.read(RECORDINGS / "kalshi/universe/events_index.csv.gz"):
        event = {"event_id": f"kalshi:{row['event_ticker']}", "native_id": row["event_ticker"]}
        series = {"series_id": f"kalshi:{row['series_ticker']}", "native_id": row["series_ticker"]}
        file.events.append(event | {"series_id": series["series_id"], "category": row["event_category"]})
        file.series.append(series | {"category": row["series_category"]})
    file.series = list({s["series_id"]: s for s in file.series}.values())
    return file


def _ledger(row: Row) -> Iterator[Row]:
    yield market("kalshi", row["ticker"], event=row["event_ticker"], series=row["series"], title=row["title"])


def _sports(row: Row) -> Iterator[Row]:
    for o in row["outcomes"]:
        said = {"title": o["title"], "sub_title": o["outcome_name"]}
        yield market("kalshi", o["ticker"], event=row["event_ticker"], **said)


def _econ(row: Row) -> Iterator[Row]:
    for event in row["open_events"]["events"]:
        for s in event["strikes"]:
            said = {"title": s["title"], "strike_type": s["strike_type"], "floor_strike": str(s["floor_strike"])}
            yield market("kalshi", s["ticker"], event=event["event_ticker"], **said)


def _weather(row: Row) -> Iterator[Row]:
    strikes = {key: None if row[key] is None else str(row[key]) for key in ("floor_strike", "cap_strike")}
    said = {"strike_type": row["strike_type"], "sub_title": row["yes_sub_title"]}
    yield market(
        "kalshi", row["ticker"], event=row["ticker"].rpartition("-")[0], series=row["series"], **said, **strikes
    )


def _side(platform: str) -> Callable[[Row], Iterator[Row]]:
    def read(row: Row) -> Iterator[Row]:
        for side in (row["side_a"], row["side_b"]):
            if side["platform"] == platform:
                event = side["platform_event_id"].removeprefix("kalshi:event:")
                for child in side["child_markets"]:
                    yield market(platform, child["platform_id"], event=event, title=child["title"],
                                 event_title=side["title"])  # fmt: skip

    return read


def _labelled(platform: str) -> Callable[[Row], Iterator[Row]]:
    def read(row: Row) -> Iterator[Row]:
        yield market(platform, row[f"{platform}_id"], title=row[f"{platform}_title"])

    return read


def _polled(platform: str) -> Callable[[Row], Iterator[Row]]:
    def read(row: Row) -> Iterator[Row]:
        if row["platform"] == platform:
            yield market(platform, row["market_id"], title=row["title"])

    return read


def _pancake(row: Row) -> Iterator[Row]:
    said = {"title": row["title"], "category": row["category"]}
    yield market("polymarket", json.loads(row["external_ids"])["polymarket_market_id"] or row["market_id"], **said)


def _resolved(row: Row) -> Iterator[Row]:
    for question, tokens in row["markets"].items():
        said = {"title": question, "event_title": row["title"]}
        yield market("polymarket", str(tokens.get("Yes") or question), event=str(row["id"]), **said)


def _traded(row: Row) -> Iterator[Row]:
    yield market("polymarket", row["conditionId"], title=row["title"], slug=row.get("slug"))


def _asked(row: Row) -> Iterator[Row]:
    for question in row["questions"]:
        if question["source"] == "polymarket":
            yield market("polymarket", question["id"], title=question["question"])


def _sampled(row: Row) -> Iterator[Row]:
    for event in row["markets"]:
        for b in event["buckets"]:
            said = {"event_title": event["title"], "sub_title": b["bucket"], "slug": event["slug"]}
            yield market("polymarket", b["yes_token"], event=event["slug"], **said)


READERS: tuple[tuple[str, str, Callable[[Row], Iterator[Row]]], ...] = (
    ("kalshi", "kalshi/tape/settlement_ledger_2026-07-17.jsonl.gz", _ledger),
    ("kalshi", "kalshi/tape/sports_pairs_2026-07-21.jsonl.gz", _sports),
    ("kalshi", "kalshi/tape/econ_prints_*.jsonl.gz", _econ),
    ("kalshi", "kalshi/tape/weather_books_2026-07-23.jsonl.gz", _weather),
    ("kalshi", "cross/pairs/labelled_pairs.jsonl", _labelled("kalshi")),
    ("kalshi", "cross/pairs/xplat_*.jsonl.gz", _side("kalshi")),
    ("kalshi", "cross/snapshots/*.csv.gz", _polled("kalshi")),
    ("polymarket", "polymarket/history/markets_2026-06.parquet", _pancake),
    ("polymarket", "polymarket/history/events_583_final_outcomes.json.gz", _resolved),
    ("polymarket", "polymarket/trades/*", _traded),
    ("polymarket", "polymarket/data_api/data_trades.json", _traded),
    ("polymarket", "polymarket/prices_history/*", _sampled),
    ("polymarket", "cross/pairs/labelled_pairs.jsonl", _labelled("polymarket")),
    ("polymarket", "cross/pairs/xplat_*.jsonl.gz", _side("polymarket")),
    ("polymarket", "cross/snapshots/*.csv.gz", _polled("polymarket")),
    ("polymarket", "cross/resolved_questions/*_questions.json.gz", _asked),
)


read = cache(bulk.read)  # some files name instruments of both venues


def by_hand() -> Iterator[File]:
    for venue, pattern, reader in READERS:
        file, events = File(pattern, venue), {}
        for path in bulk.paths(pattern):
            whole: Any = read(path)
            for row in whole if isinstance(whole, list) else [whole]:
                for made in reader(row):
                    title = made.pop("event_title", None)
                    if title:
                        event = made["event_id"]
                        events[event] = {"event_id": event, "native_id": event.partition(":")[2], "title": title}
                    file.instruments.append(made)
        file.instruments, file.events = once(file.instruments), list(events.values())
        yield file


@cache
def files() -> tuple[File, ...]:
    """Every file that names instruments."""
    return (*kalshi_answers(), _census(), *gamma_answers(), *clob_pages(), *by_hand())


@cache
def whole() -> tuple[dict[str, list[Row]], dict[str, tuple[str, str]]]:
    """All files as one set of relations, and by instrument id its venue and file.

    An instrument that several files name is there several times: its id ends in the number of the file.
    """
    tables: dict[str, dict[Any, Row]] = {"instruments": {}, "events": {}, "series": {}, "outcomes": {}}
    home = {}
    for number, file in enumerate(files()):
        for row in file.instruments:
            made = row | {"instrument_id": f"{row['instrument_id']}#{number}"}
            tables["instruments"][made["instrument_id"]] = made
            home[made["instrument_id"]] = (file.venue, file.name)
        for row in file.outcomes:
            made = row | {"instrument_id": f"{row['instrument_id']}#{number}"}
            tables["outcomes"][made["instrument_id"], made["outcome_index"]] = made
        for name, rows in (("event", file.events), ("series", file.series)):
            table = tables["events" if name == "event" else name]
            for row in rows:
                known = table.setdefault(row[f"{name}_id"], {})
                known |= {key: value for key, value in row.items() if value is not None}
    return {name: list(rows.values()) for name, rows in tables.items()}, home


@cache
def categorised() -> list[Row]:
    """``core.ticker_categories`` of everything that is recorded, by file: ids as ``whole`` gives them."""
    with connect() as connection:
        register_sparse(connection, **whole()[0])
        found: list[Row] = connection.sql(ticker_categories_sql()).to_arrow_table().to_pylist()
    return found


@cache
def named() -> tuple[list[Row], dict[str, list[Row]]]:
    """``core.display_names`` of every instrument with words once, and the relations that they were made from."""
    tables = dict(whole()[0])
    # Of 30,000 parlays every tenth: their names are long, and made alike.
    rows = (r for n, r in enumerate(tables["instruments"]) if n % 10 == 0 or "KXMVE" not in r["native_id"])
    once_each = {row["instrument_id"].partition("#")[0]: row for row in rows if said(row)}
    tables["instruments"] = [row | {"instrument_id": key} for key, row in once_each.items()]
    sides = {(r["instrument_id"].partition("#")[0], r["outcome_index"]): r for r in tables["outcomes"]}
    tables["outcomes"] = [row | {"instrument_id": key} for (key, _), row in sides.items()]
    with connect() as connection:
        register_sparse(connection, **tables)
        found: list[Row] = connection.sql(display_names_sql()).to_arrow_table().to_pylist()
    return found, tables


def said(row: Row) -> bool:
    """Whether a record says in words what its instrument is about."""
    return bool(row.get("title") or row.get("sub_title") or row.get("tags"))
