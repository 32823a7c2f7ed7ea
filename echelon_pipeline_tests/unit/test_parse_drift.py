"""The count of unknown fields: what it samples, and that it fits into memory where objects are long.

Belongs here: the sample's bounds. Which fields and words a parser knows is tested beside its statements.
"""

from __future__ import annotations

import json

from echelon_pipeline.ingest import parse
from echelon_pipeline.ingest.parse import DRIFT_BYTES, DRIFT_OBJECT_BYTES, DRIFT_SAMPLE
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline_tests.fakes import Parsed, parse_payloads, raw_table

# Nothing but the count: every object is a row without outputs.
KIND = PayloadKind("kalshi", "orderbooks", "parse/kalshi/series", {}, "core.series", known_fields=frozenset({"ticker"}))


def counted(found: Parsed) -> dict[str, int]:
    return {row["path"]: row["objects"] for row in found.drift}


def test_a_long_object_is_left_out_of_the_sample_and_the_others_are_not() -> None:
    short, long = {"ticker": "A", "new": 1}, {"ticker": "B", "newer": "x" * DRIFT_OBJECT_BYTES}
    assert counted(parse_payloads(KIND, [long, short, long, short])) == {"new": 2}


def test_at_most_2000_objects_are_sampled() -> None:
    assert counted(parse_payloads(KIND, [{"new": n} for n in range(DRIFT_SAMPLE + 100)])) == {"new": DRIFT_SAMPLE}


def test_2000_answers_of_26_kb_are_counted_within_320_mb() -> None:
    one = json.dumps({"ticker": "T", "new": [{"price": "0.4300", "at": 1_700_000_000}] * 670})
    assert 25_000 < len(one) < 27_000
    raw = raw_table(KIND, [one] * 2_000, None)
    with connect(memory_limit_mb=320) as connection:
        connection.register("given", raw)
        connection.execute("CREATE TEMP TABLE counted_objects AS SELECT * FROM given")
        drift = parse._drift(connection, KIND, "stem", "unit")
        found = connection.execute(f"SELECT path, objects FROM {drift}").fetchall()
    assert found == [("new", DRIFT_BYTES // len(one))]
