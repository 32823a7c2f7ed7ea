"""Rows of any table of the registry that its types and rules allow, extreme ones among them.

Belongs here: generating rows for property tests. A seed gives the same rows again. Ids come from small pools, so that
rows of different tables join; words come from the tables' own rules, where a rule lists them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from echelon_pipeline.sqltools.text import quote
from echelon_pipeline.tables import TABLES, Column, T, Table
from echelon_pipeline_tests.rows import DAY, NOON, Row

_WORDS = re.compile(r"\b(\w+) IN \(((?:'[^']*'(?:, )?)+)\)")
_DIGITS = re.compile(r"DECIMAL\((\d+),(\d+)\)")

COMBO = "polymarket:0x03" + "ab" * 30
INSTRUMENTS = ("kalshi:KXA-26NOV20-T1.5", "kalshi:KXMVE-S1", "kalshi:", "polymarket:0xaa01", COMBO)
EVENTS = ("kalshi:KXA-26NOV20", "polymarket:9")
BUILDER = "0x" + "ab" * 32
TEXTS = ("", "x", "Yes", "No", "a 'quoted' \"name\" 100 % \\ \n|", "🎲" * 40, "w" * 3_000, "0", "1e400", "-0.5", "NaN")
JSONS = (
    "{}",
    "[]",
    "null",
    '"x"',
    '[{"event_ticker": "KXA-26NOV20", "market_ticker": "KXA-26NOV20-T1.5", "side": "yes"}, {"side": null}, {}]',
    '{"legs": [{"market_ticker": "KXA-26NOV20-T1.5", "event_ticker": null, "side": "NO"}]}',
    '{"legs": {"0": 1}}',
    '{"exponent": 2, "takerOnly": true, "rate": 0.1}',
    '{"exponent": 1e300, "takerOnly": "x"}',
)
# Words that statements compare with and no rule lists.
_POOLS: Mapping[str, tuple[object, ...]] = {
    "instrument_id": INSTRUMENTS,
    "parlay_id": INSTRUMENTS,
    "event_id": EVENTS,
    "series_id": ("kalshi:KXA", "polymarket:s"),
    "builder_code": (BUILDER, BUILDER.upper(), "all_codes"),
    "source": ("kalshi markets/trades", "uma", "gamma", "bulk", "clob"),
    "role": ("maker", "taker", "x"),
    "status": ("active", "settled", "confirmed", "failed", "retrying", "x"),
    "market_type": ("binary", "scalar"),
    "side": ("bid", "ask", "yes", "no"),
    "kind": ("field", "value"),
    "table_name": ("core.trades", "core.fills", "core.daily_prices", "core.instruments", "core.book_snapshots"),
    "scope": ("all", "configured", "listings:open", BUILDER, *INSTRUMENTS),
    "horizon": ("1h", "6h", "1d", "7d", "30d"),
    "outcome_index": (0, 1, 2),
    "hour": (0, 12, 23),
    "position": (0, 1, 2**31 - 1),
}
_LONGEST = timedelta(days=500)
_TIMES = ("event_at", "received_at", "valid_from", "from_at", "observed_at")


def legal_table(connection: duckdb.DuckDBPyConnection, table: Table, target: str, seed: int, rows: int) -> int:
    """Creates the table ``target`` with at most so many rows that meet the table's rules and key; how many."""
    rng = random.Random(f"{seed} {table.name}")
    # Rows without extremes and NULLs too: otherwise no two of them would join.
    style = rng.choice(("plain", "mixed", "extreme", "extreme"))
    candidates = [_row(rng, table, n, style) for n in range(rows)]
    connection.register("candidates_", pa.Table.from_pylist(candidates, schema=table.arrow_schema()))
    key = ", ".join(map(quote, table.key))
    kept = " AND ".join(f"coalesce({rule.sql}, false)" for rule in table.all_rules()) or "true"
    connection.execute(
        f"CREATE TABLE {target} AS SELECT * FROM candidates_ WHERE {kept} "
        f"QUALIFY row_number() OVER (PARTITION BY {key}) = 1"
    )
    connection.unregister("candidates_")
    counts = connection.execute(f"SELECT count(*) FROM {target}").fetchall()
    return int(counts[0][0])


def _row(rng: random.Random, table: Table, number: int, style: str) -> Row:
    missing = {"plain": 0.05, "mixed": 0.3, "extreme": 0.2}[style]
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.nullable and rng.random() < missing:
            row[column.name] = None
        else:
            row[column.name] = _value(rng, table, column, number, style)
    instrument = str(row.get("instrument_id") or row.get("parlay_id") or rng.choice(INSTRUMENTS))
    if "venue" in row:
        row["venue"] = instrument.partition(":")[0]
    _place(rng, row)
    _fit(rng, table, row)
    return row


def _place(rng: random.Random, row: Row) -> None:
    """Times that belong together: the day and hour are those of the row's time, ends come after beginnings."""
    at = next((row[c] for c in _TIMES if row.get(c) is not None), None)
    if at is not None and "date" in row:
        row["date"] = at.date()
    if at is not None and "hour" in row:
        row["hour"] = at.hour
    for begin, end in (
        ("valid_from", "valid_to"),
        ("from_at", "to_at"),
        ("began_at", "from_at"),
        ("price_at", "horizon_at"),
    ):
        if row.get(begin) is not None and row.get(end) is not None and row[begin] >= row[end]:
            row[begin] = row[end] - timedelta(microseconds=rng.choice((1, 10**6, 3600 * 10**6)))
        # Every day that was walked, and every day that an unread row may be of, is a row: no stretch is a century.
        if row.get(begin) is not None and row.get(end) is not None and row[end] - row[begin] > _LONGEST:
            row[end] = row[begin] + _LONGEST


def _fit(rng: random.Random, table: Table, row: Row) -> None:
    """What rules over several columns ask for, where chance alone would hardly ever meet them."""
    if table.name == "core.book_snapshots":
        _fit_book(rng, row)
    elif table.name == "core.resolutions" and row["payout_1"] is not None and 0 <= (row["payout_0"] or -1) <= 1:
        row["payout_1"] = 1 - row["payout_0"]
    elif table.name == "core.daily_prices" and None not in (row["open"], row["close"]):
        row["low"], row["high"] = min(row["open"], row["close"]), max(row["open"], row["close"])
    elif table.name == "mart.builder_volume" and row["volume_usd"] is not None:
        row["taker_volume_usd"], row["maker_volume_usd"] = row["volume_usd"], Decimal(0)
    for column, reason in (
        ("legs_known", "unknown_reason"),
        ("is_known", "unknown_reason"),
        ("price", "price_reason"),
        ("price_at_creation", "creation_reason"),
    ):
        if table.name.startswith("core.parlay") and column in row and reason in row:
            known = row[column] is not None and row[column] is not False
            row[reason] = None if known else "x"


def _fit_book(rng: random.Random, row: Row) -> None:
    if row["state"] == "unknown":
        row["reason"] = "gap"
        for column, value in row.items():
            if column.startswith(("bid", "ask", "mid", "spread")) and value is not None:
                row[column] = None
        return
    row["reason"] = None
    prices = sorted(rng.sample(range(1, 1_000_000), 8))
    sizes = (1, 10**6, 31_000_000 * 10**6, 10**18 - 1, 2**63 - 1)
    for side, levels in (("bid", prices[3::-1]), ("ask", prices[4:])):
        levels = levels[: rng.randint(0, 4)]
        row[f"{side}_prices"] = levels
        row[f"{side}_sizes"] = [rng.choice(sizes) for _ in levels]
        row[side] = Decimal(levels[0]) / 10**6 if levels else None
        row[f"{side}_levels"] = len(levels) + rng.choice((0, 5))


def _value(rng: random.Random, table: Table, column: Column, number: int, style: str) -> object:
    words = _words(table.name).get(column.name)
    if words:
        return rng.choice(words)
    if column.name in _POOLS and column.type in (T.TEXT, T.INT, T.BIGINT):
        return rng.choice(_POOLS[column.name])
    if column.name in table.key and column.type is T.TEXT:
        return f"{rng.choice(('kalshi', 'polymarket'))}:{column.name}{number % 5}"
    if column.is_json or (column.type is T.TEXT and column.name in ("external_ref", "definition", "fee_schedule")):
        return rng.choice(JSONS)
    return _OF_TYPE[column.type](rng, style)


@cache
def _words(table: str) -> dict[str, list[str]]:
    """Words that the rules of a table list for a column."""
    words: dict[str, list[str]] = {}
    for rule in TABLES[table].rules:
        for column, listed in _WORDS.findall(rule.sql):
            words.setdefault(column, []).extend(re.findall(r"'([^']*)'", listed))
    return words


def _decimal(kind: T) -> Callable[[random.Random, str], Decimal]:
    match = _DIGITS.fullmatch(kind.value)
    assert match is not None
    digits, places = int(match.group(1)), int(match.group(2))
    step = Decimal(1).scaleb(-places)
    largest = Decimal((0, (9,) * digits, -places))  # scaleb would round to 28 digits

    def value(rng: random.Random, style: str) -> Decimal:
        if style == "extreme":
            return rng.choice((largest, largest.copy_negate(), Decimal(0), step, 1 - step, Decimal(1)))
        return rng.choice((Decimal(0), step, Decimal("0.25"), Decimal("0.5"), 1 - step, Decimal(1), Decimal(7)))

    return value


def _whole(bits: int) -> Callable[[random.Random, str], int]:
    def value(rng: random.Random, style: str) -> int:
        if style == "extreme":
            return rng.choice((2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 0, 1))
        return rng.choice((0, 1, 2, 60, 3600))

    return value


def _time(rng: random.Random, style: str) -> datetime:
    if style == "extreme":
        return rng.choice(
            (datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, 23, 59, 59, 999_999, UTC), NOON, NOON, NOON)
        )
    return NOON + timedelta(hours=rng.choice((-36, -24, -1, 0, 0, 1, 11)), microseconds=rng.choice((0, 0, 1, 999_999)))


def _day(rng: random.Random, style: str) -> date:
    if style == "extreme":
        return rng.choice((date(1970, 1, 1), date(2099, 12, 31), DAY, DAY, DAY))
    return DAY + timedelta(days=rng.randint(-3, 1))


def _stat(rng: random.Random, style: str) -> float:
    return rng.choice((0.0, 1e-300, 0.5, 1e300, -1e300) if style == "extreme" else (0.0, 0.5, 1.0, 60.0))


_OF_TYPE: Mapping[T, Callable[[random.Random, str], object]] = {
    T.TEXT: lambda rng, style: rng.choice(TEXTS if style == "extreme" else TEXTS[:5]),
    T.BOOL: lambda rng, _: rng.random() < 0.5,
    T.INT: _whole(32),
    T.BIGINT: _whole(64),
    T.DATE: _day,
    T.TIME: _time,
    T.TEXTS: lambda rng, _: [rng.choice(TEXTS) for _ in range(rng.randint(0, 3))],
    T.INTS: lambda rng, style: [_whole(32)(rng, style) for _ in range(rng.randint(0, 3))],
    T.BIGINTS: lambda rng, style: [_whole(64)(rng, style) for _ in range(rng.randint(0, 3))],
    T.STAT: _stat,
    **{T(kind): _decimal(T(kind)) for kind in T if kind.value.startswith("DECIMAL")},
}
