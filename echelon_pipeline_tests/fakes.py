"""Stand-ins and helpers shared by the tests: recorded files, parse runs on given payloads."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from echelon_pipeline.ingest.parse import derive
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.page import Page, RawObject

RECORDINGS = Path(__file__).resolve().parent.parent.parent / "shared" / "recordings"
RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)

needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="recorded payloads (../shared/recordings) are not beside this checkout"
)

Row = dict[str, Any]
# (token_id, instrument_id, outcome_index), and a label where it matters.
Outcome = tuple[str | None, str, int] | tuple[str | None, str, int, str]

_OUTCOMES = pa.schema(
    [TABLES["core.outcomes"].column(name).arrow for name in ("token_id", "instrument_id", "outcome_index", "label")]
)


@dataclass
class Parsed:
    """Rows by table, dead letters and drift of one parse run."""

    rows: dict[str, list[Row]]
    dead: list[Row]
    drift: list[Row]


def recorded(name: str) -> Any:
    """The JSON of one recorded file (gzip where it ends so)."""
    path = RECORDINGS / name
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(data)


def raw_object(payload: object, context: str | None = None) -> RawObject:
    """An object of an answer: given as such, as bytes, as text or as a plain value."""
    if isinstance(payload, RawObject):
        return payload
    if isinstance(payload, bytes):
        return RawObject(payload, context=context)
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return RawObject(text.encode(), context=context)


def raw_pages(kind: PayloadKind, pages: Iterable[Page], units: Sequence[str] = ()) -> pa.Table:
    """Rows of ``raw.objects`` of pages; ``units``: the unit of work of each page (default: one for all)."""
    rows = [
        {
            "venue": kind.venue,
            "endpoint": kind.endpoint,
            "date": page.received_at.date(),
            "unit_id": units[n] if units else "unit",
            "request": page.request,
            "page": page.number,
            "position": position,
            "received_at": page.received_at,
            "object_key": served.key,
            "sha256": served.sha256,
            "payload": served.payload.decode(errors="replace"),
            "context": served.context,
            "parser_version": 1,
        }
        for n, page in enumerate(pages)
        for position, served in enumerate(page.objects)
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["raw.objects"].arrow_schema())


def raw_table(kind: PayloadKind, payloads: Iterable[object], context: str | None = None) -> pa.Table:
    """Rows of ``raw.objects`` of one page of payloads."""
    objects = tuple(raw_object(payload, context) for payload in payloads)
    return raw_pages(kind, [Page(kind.endpoint, "/test", 0, RECEIVED, objects)])


def known_outcomes(outcomes: Iterable[Outcome]) -> pa.Table:
    """What parsers know of tokens."""
    rows = [dict(zip(_OUTCOMES.names, outcome, strict=False)) for outcome in outcomes]
    return pa.Table.from_pylist(rows, schema=_OUTCOMES)


def parse_payloads(
    kind: PayloadKind,
    payloads: Iterable[object],
    *,
    context: str | None = None,
    outcomes: Iterable[Outcome] = (),
) -> Parsed:
    """Runs a kind's statements on payloads."""
    with connect() as connection:
        connection.register("raw_objects", raw_table(kind, payloads, context))
        connection.register("known_outcomes", known_outcomes(outcomes))
        derived = derive(connection, kind, unit_id="unit")

        def rows(table: str) -> list[Row]:
            found: list[Row] = connection.sql(f"SELECT * FROM {table}").to_arrow_table().to_pylist()
            return found

        return Parsed(
            {name: rows(table) for name, table in derived.outputs.items()},
            rows(derived.dead_letters),
            rows(derived.drift),
        )
