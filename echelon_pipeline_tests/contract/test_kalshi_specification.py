"""Payloads made from Kalshi's published schemas: legal, odd and huge ones; nothing crashes, nothing is lost.

Every object is rows or a dead letter, and every row keeps the rules and the key of its table: a row that does
not would stop the commit of its whole unit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echelon_pipeline.ingest.parse import Derived, derive
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.kalshi.parse import KINDS
from echelon_pipeline_tests.fakes import RECORDINGS, raw_table

SPEC = RECORDINGS.parent / "specs" / "kalshi" / "openapi.yaml"
pytestmark = pytest.mark.skipif(not SPEC.is_file(), reason="Kalshi's specification is not beside this checkout")

Strategy = st.SearchStrategy[Any]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["", "0", "1", "-0.01", "1.0001", "1e3", "1e400", "NaN", "0001-01-01T00:00:00Z", "[", '{"a":1}'])
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab_", max_size=4), inner, max_size=3)
)
dollars = st.decimals(0, 1, places=4).map(str) | st.decimals(0, 1, places=6).map(str)
counts = st.decimals(0, 10**9, places=2).map(str) | st.sampled_from(["0.00", "999999999999.99", "1" + "0" * 40])
moments = st.datetimes().map(lambda t: t.isoformat() + "Z") | st.sampled_from(
    ["0001-01-01T00:00:00Z", "2026-11-20T12:00:00.123456789Z", "9999-12-31T23:59:59Z", "2026-06-30T23:59:60Z"]
)


@cache
def schemas() -> dict[str, Any]:
    specification = yaml.load(SPEC.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    loaded: dict[str, Any] = specification["components"]["schemas"]
    return loaded


def of(schema: dict[str, Any], name: str = "") -> Strategy:
    """Values that a schema allows, with nulls for what may be null and fields that it does not name."""
    if "$ref" in schema:
        return of(schemas()[schema["$ref"].rsplit("/", 1)[1]], schema["$ref"].rsplit("/", 1)[1])
    if "allOf" in schema:
        return of(schema["allOf"][0], name)
    made = _plain(schema, name)
    return st.none() | made if schema.get("nullable") else made


def _plain(schema: dict[str, Any], name: str) -> Strategy:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    simple: dict[str, Callable[[], Strategy]] = {
        "integer": lambda: st.integers(-(2**63), 2**63 - 1) | st.integers(0, 10**10),
        "number": lambda: st.floats(-1e12, 1e12) | st.integers(0, 100),
        "boolean": st.booleans,
        "string": lambda: _text(schema, name),
        "array": lambda: st.lists(of(schema.get("items", {})), max_size=3),
    }
    kind = schema.get("type", "object" if "properties" in schema else "")
    if kind == "object":
        return _object(schema)
    return simple[kind]() if kind in simple else anything


def _text(schema: dict[str, Any], name: str) -> Strategy:
    if name == "FixedPointDollars":
        return dollars
    if name == "FixedPointCount":
        return counts
    if schema.get("format") == "date-time":
        return moments
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def _object(schema: dict[str, Any]) -> Strategy:
    members = {key: of(value) for key, value in schema.get("properties", {}).items()}
    if not members:
        return st.dictionaries(st.text("abc", max_size=4), scalars, max_size=3)
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {k: v for k, v in members.items() if k in required},
        optional={k: v for k, v in members.items() if k not in required},
    )


@st.composite
def payloads(draw: st.DrawFn, schema: str, key: str, more: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Objects of a schema with distinct keys; some get a field that is gone, odd, of an older era or new."""
    made = draw(st.lists(of({"$ref": f"#/components/schemas/{schema}"}), min_size=1, max_size=8))
    for number, one in enumerate(made):
        for _ in range(draw(st.integers(0, 2))):
            field = draw(st.sampled_from([*sorted(one), *more, "brand_new"]))
            one[field] = draw(anything)
        for field in draw(st.lists(st.sampled_from(sorted(one)), max_size=1)):
            del one[field]
        one[key] = f"K{number}"
    return made


def check(endpoint: str, objects: list[Any], contexts: Sequence[str | None]) -> tuple[dict[str, int], int]:
    """Rows by table and the number of dead letters; fails where a row breaks a rule or a key comes twice."""
    kind = KINDS[endpoint]
    rows = []
    for position, (one, context) in enumerate(zip(objects, contexts, strict=True)):
        rows.append({**raw_table(kind, [one], context).to_pylist()[0], "position": position})
    with connect() as connection:
        connection.register("raw_objects", pa.Table.from_pylist(rows, schema=TABLES["raw.objects"].arrow_schema()))
        done = derive(connection, kind, unit_id="unit")
        for table, relation in [*done.outputs.items(), ("core.dead_letters", done.dead_letters)]:
            _keeps_its_rules(connection, table, relation)
        return _counts(connection, done)


def _keeps_its_rules(connection: duckdb.DuckDBPyConnection, table: str, relation: str) -> None:
    rules = TABLES[table].all_rules()
    key = ", ".join(TABLES[table].key)
    counts = ", ".join(f"count(*) FILTER (({rule.sql}) IS NOT TRUE)" for rule in rules)
    (row,) = connection.execute(f"SELECT count(*) - count(DISTINCT ({key})), {counts} FROM {relation}").fetchall()
    if table != "core.dead_letters":
        assert row[0] == 0, f"{table}: a key comes twice"
    assert [rule.name for rule, broken in zip(rules, row[1:], strict=True) if broken] == [], table


def _counts(connection: duckdb.DuckDBPyConnection, done: Derived) -> tuple[dict[str, int], int]:
    def count(relation: str) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])

    return {table: count(relation) for table, relation in done.outputs.items()}, count(done.dead_letters)


quick = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@quick
@given(st.data())
def test_every_market_of_the_specification_is_a_row_or_a_dead_letter(data: st.DataObject) -> None:
    older = ("yes_bid", "last_price", "volume", "settlement_value", "tick_size", "liquidity", "category")
    objects = data.draw(payloads("Market", "ticker", older))
    rows, dead = check("markets", objects, [None] * len(objects))
    assert rows["core.instruments"] + dead == len(objects)
    assert rows["core.outcomes"] == 2 * rows["core.instruments"]
    assert rows["core.instrument_quotes"] == rows["core.instruments"]
    assert rows["core.resolutions"] <= rows["core.instruments"]


@quick
@given(st.data())
def test_every_trade_of_the_specification_is_a_row_or_a_dead_letter(data: st.DataObject) -> None:
    objects = data.draw(payloads("Trade", "trade_id", ("yes_price", "no_price", "count", "taker_side")))
    for one in objects:  # sides of a real trade sum to 1; the generated ones seldom do
        if data.draw(st.booleans()) and isinstance(one.get("yes_price_dollars"), str):
            one.pop("no_price_dollars", None)
    rows, dead = check("trades", objects, [None] * len(objects))
    assert rows["core.trades"] + dead == len(objects)


@quick
@given(st.data())
def test_every_series_and_event_of_the_specification_is_a_row_or_a_dead_letter(data: st.DataObject) -> None:
    series = data.draw(payloads("Series", "ticker", ("categories",)))
    rows, dead = check("series", series, [None] * len(series))
    assert (rows["core.series"], dead) == (len(series), 0)
    events = data.draw(payloads("EventData", "event_ticker"))
    rows, dead = check("events", events, ['{"multivariate":true}'] * len(events))
    assert (rows["core.events"], dead) == (len(events), 0)


@pytest.mark.parametrize(
    ("schema", "tier"), [("MarketCandlestick", "live"), ("MarketCandlestickHistorical", "historical")]
)
@quick
@given(data=st.data())
def test_every_candle_list_of_the_specification_is_days_or_a_dead_letter(
    schema: str, tier: str, data: st.DataObject
) -> None:
    lists = data.draw(st.lists(payloads(schema, "end_period_ts", ("volume", "price")), min_size=1, max_size=3))
    period = data.draw(st.sampled_from([1, 60, 1440]))
    ends = st.integers(1795000000, 1795300000) | st.integers(-10, 10**13)
    for candles in lists:
        for one in candles:
            one["end_period_ts"] = data.draw(ends)
    asked = {"period_interval": period, "start_ts": 1795000000, "end_ts": 1795300000, "tier": tier}
    objects = [{"market_ticker": "T", "candlesticks": candles} for candles in lists]
    contexts = [json.dumps({"ticker": f"T{n}", **asked}) for n in range(len(objects))]
    rows, dead = check("candlesticks", objects, contexts)
    # A candle that cannot be read is a dead letter of its own; so is a list that cannot be read at all.
    assert dead <= sum(max(1, len(candles)) for candles in lists)
    # At most one row per candle, and a list of sound candles of the window gives at least one day.
    assert rows["core.daily_prices"] <= sum(len(candles) for candles in lists)


@settings(max_examples=30)
@given(st.sampled_from(sorted(KINDS)), st.lists(anything, min_size=1, max_size=6), anything)
def test_nothing_that_is_json_crashes_a_parser(endpoint: str, objects: list[Any], context: Any) -> None:
    texts = [json.dumps(one) for one in objects]
    rows, dead = check(endpoint, texts, [json.dumps(context)] * len(texts))
    assert dead == len(texts) - sum(rows.values())
