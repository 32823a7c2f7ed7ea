"""Stand-ins and helpers shared by the tests: recorded files, parse runs on given payloads."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.warehouse.duck import connect
from echelon_pipeline.warehouse.parse import derive

RECORDINGS = Path(__file__).resolve().parent.parent.parent / "shared" / "recordings"
RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)

needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="recorded payloads (../shared/recordings) are not beside this checkout"
)

Row = dict[str, Any]

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


def raw_table(kind: PayloadKind, payloads: Iterable[bytes | str | object], context: str | None = None) -> pa.Table:
    """Rows of ``raw.objects`` for payloads given as bytes, text or plain values."""
    rows = []
    for position, payload in enumerate(payloads):
        text = (
            payload.decode()
            if isinstance(payload, bytes)
            else payload
            if isinstance(payload, str)
            else json.dumps(payload)
        )
        rows.append(
            {
                "venue": kind.venue,
                "endpoint": kind.endpoint,
                "date": RECEIVED.date(),
                "unit_id": "unit",
                "request": "/test",
                "page": 0,
                "position": position,
                "received_at": RECEIVED,
                "object_key": None,
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "payload": text,
                "context": context,
                "parser_version": 1,
            }
        )
    return pa.Table.from_pylist(rows, schema=TABLES["raw.objects"].arrow_schema())


def parse_payloads(
    kind: PayloadKind,
    payloads: Iterable[bytes | str | object],
    *,
    context: str | None = None,
    outcomes: Iterable[tuple[str | None, str, int] | tuple[str | None, str, int, str]] = (),
) -> Parsed:
    """Runs a kind's statements on payloads; ``outcomes``: (token_id, instrument_id, outcome_index[, label])."""
    raw = raw_table(kind, payloads, context)
    known = pa.Table.from_pylist(
        [dict(zip(_OUTCOMES.names, outcome, strict=False)) for outcome in outcomes],
        schema=_OUTCOMES,
    )
    with connect() as connection:
        connection.register("raw_objects", raw)
        connection.register("known_outcomes", known)
        derived = derive(connection, kind, unit_id="unit")

        def rows(table: str) -> list[Row]:
            found: list[Row] = connection.sql(f"SELECT * FROM {table}").to_arrow_table().to_pylist()
            return found

        return Parsed(
            {name: rows(table) for name, table in derived.outputs.items()},
            rows(derived.dead_letters),
            rows(derived.drift),
        )
