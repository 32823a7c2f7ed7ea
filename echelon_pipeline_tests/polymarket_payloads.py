"""Polymarket payloads for tests: recordings unwrapped to objects as served, and parse runs over pages."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from echelon_pipeline.ingest.parse import derive
from echelon_pipeline.lake.merge import check_rules, check_unique
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.polymarket.answers import as_context
from echelon_pipeline.venues.polymarket.gamma import nested_markets
from echelon_pipeline.venues.polymarket.parse import KINDS
from echelon_pipeline_tests.fakes import (
    RECEIVED,
    RECORDINGS,
    Outcome,
    Parsed,
    known_outcomes,
    raw_object,
    raw_pages,
)

POLYMARKET = RECORDINGS / "polymarket"


def page(endpoint: str, payloads: Iterable[object], *, request: str = "/test", number: int = 0) -> Page:
    """A page of payloads given as plain values, text, bytes or raw objects."""
    return Page(endpoint, request, number, RECEIVED, tuple(raw_object(p) for p in payloads))


def parse_pages(
    kind: PayloadKind, pages: Sequence[Page], outcomes: Iterable[Outcome] = (), units: Sequence[str] = ()
) -> Parsed:
    """Runs a kind over pages; ``units``: the unit of work of each page (default: one for all)."""
    with connect() as connection:
        connection.register("raw_objects", raw_pages(kind, pages, units))
        connection.register("known_outcomes", known_outcomes(outcomes))
        derived = derive(connection, kind, unit_id="unit")

        def fetched(relation: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = connection.sql(f"FROM {relation}").to_arrow_table().to_pylist()
            return found

        if kind.endpoint != "prices_history":  # there a parsed row is a point, not an object
            judged = connection.sql(f"SELECT unit_id, page, position FROM {kind.venue}_{kind.endpoint}_all").fetchall()
            served = sum(len(read.objects) for read in pages)
            assert len(judged) == len(set(judged)) == served, "every object is judged exactly once"
        dead, drift = fetched(derived.dead_letters), fetched(derived.drift)
        # A view would be computed again for each rule.
        stored = {table: f"{relation}_rows" for table, relation in derived.outputs.items()}
        for table, relation in derived.outputs.items():
            connection.execute(f"CREATE TEMP TABLE {stored[table]} AS FROM {relation}")
        rows_of = {table: fetched(relation) for table, relation in stored.items()}
        for table, relation in stored.items():
            check_rules(connection, TABLES[table], relation)
            check_unique(connection, TABLES[table], relation)
        return Parsed(rows_of, dead, drift)


def parse(endpoint: str, payloads: Iterable[object], outcomes: Iterable[Outcome] = ()) -> Parsed:
    """Runs an endpoint's kind over one page."""
    return parse_pages(KINDS[endpoint], [page(endpoint, payloads)], outcomes)


def context(**values: object) -> str:
    """Context text."""
    return as_context(values) or ""


def load(name: str) -> Any:
    """A recorded file below ``polymarket/``: JSON, JSON lines, gzipped or not."""
    data = (POLYMARKET / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    if ".ndjson" in name or ".jsonl" in name:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return json.loads(text)


def recorded_gamma() -> dict[str, tuple[list[Any], list[Any]]]:
    """By file of ``gamma/``: the events and the bare markets that it holds, recorders' wrappers taken off."""
    found: dict[str, tuple[list[Any], list[Any]]] = {}
    for path in sorted((POLYMARKET / "gamma").iterdir()):
        if "clob_markets_page" in path.name:
            continue
        answer = load(f"gamma/{path.name}")
        if path.name.startswith("weather_gamma_clob"):
            found[path.name] = ([e for poll in answer for e in poll["gamma_events"]], [])
        elif path.name.startswith("btc5m_markets_resolved"):
            found[path.name] = ([], [line["raw"] for line in answer])
        elif path.name.endswith("_search.json"):
            found[path.name] = (answer["events"], [])
        else:
            objects = answer if isinstance(answer, list) else [answer]
            found[path.name] = (
                [o for o in objects if "markets" in o],
                [o for o in objects if "markets" not in o],
            )
    return found


def market_objects(events: Sequence[Any], markets: Sequence[Any]) -> list[RawObject]:
    """Markets as the client would give them: those inside events cut out with the event as context."""
    return [*nested_markets(page("events", events)).objects, *page("markets", markets).objects]


def dec(value: object, digits: int) -> Decimal | None:
    """A number as stored: rounded half away from zero; None for what is none."""
    if value is None or value == "":
        return None
    with localcontext() as exact:
        exact.prec = 80
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def at(text: object) -> datetime | None:
    """A served time."""
    return datetime.fromisoformat(str(text)) if text else None
