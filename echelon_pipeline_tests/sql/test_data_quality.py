"""Quality of the data per table and day: by hand, against plain Python, and as input of a health report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.kalshi.parse import KINDS as KALSHI
from echelon_pipeline.venues.polymarket.parse import KINDS as POLYMARKET
from echelon_pipeline_tests.marts import UNREAD_ROWS, computed, mart
from echelon_pipeline_tests.rows import DAY, NOON, Row, arrow, row, trade

QUALITY, REASONS, COVERAGE = "mart.data_quality", "mart.dead_letter_reasons", "core.coverage_daily"
Found = dict[tuple[str, str, date], Row]


def cover(back: int, *, complete: float = 1440, partial: float = 0, unavailable: float = 0, **values: Any) -> Row:
    """A day's minutes of Kalshi's trades, ``back`` days before today."""
    made = {"venue": "kalshi", "table_name": "core.trades", "scope": "configured", "date": DAY - timedelta(days=back),
            "complete_minutes": complete, "partial_minutes": partial, "unavailable_minutes": unavailable,
            "missing_minutes": 1440 - complete - partial - unavailable, "reasons": ["why"]}  # fmt: skip
    return {**made, **values}


# The relation must have rows for its columns; these are of a table that no test checks.
NOBODY = cover(0, complete=720, table_name="core.nobody")


def window(to: datetime, **values: Any) -> Row:
    made = {"table_name": "core.trades", "scope": "configured", "from_at": to - timedelta(days=1), "to_at": to,
            "state": "complete", "recorded_at": to}  # fmt: skip
    return row("core.ingest_windows", **{**made, **values})


def quality(given_rows: Mapping[str, Iterable[Row]], **params: Any) -> Found:
    rows = computed(QUALITY, {COVERAGE: [NOBODY], **given_rows}, **params)
    return {(r["venue"], r["table_name"], r["date"]): r for r in rows if r["table_name"] != "core.nobody"}


def states(coverage: Iterable[Row], windows: Iterable[Row] = ()) -> dict[int, str | None]:
    """States of Kalshi's trades by days before today."""
    found = quality({COVERAGE: [NOBODY, *coverage], "core.ingest_windows": windows})
    return {(DAY - d).days: r["state"] for (_, table, d), r in found.items() if table == "core.trades"}


def test_rows_are_late_when_first_seen_more_than_the_hours_after_their_day() -> None:
    end = datetime(2026, 11, 21, tzinfo=UTC)
    seen = [end - timedelta(hours=1), end + timedelta(hours=6), end + timedelta(hours=6, microseconds=1)]
    trades = [trade(n, observed_at=at) for n, at in enumerate(seen)]
    key = ("kalshi", "core.trades", DAY)
    found = quality({"core.trades": trades})[key]
    assert (found["rows"], found["late_rows"], found["latest_event_at"], found["latest_observed_at"]) == (
        3, 1, NOON + timedelta(seconds=2), seen[-1])  # fmt: skip
    assert quality({"core.trades": trades}, late_hours=0)[key]["late_rows"] == 2


def test_a_listing_counts_on_the_day_when_it_was_seen_and_is_never_late() -> None:
    listed = [
        row("core.instruments", instrument_id=f"kalshi:{n}", observed_at=NOON - timedelta(days=n)) for n in (0, 9)
    ]
    found = quality({"core.instruments": listed})
    assert [(k[2], r["rows"], r["late_rows"], r["state"]) for k, r in sorted(found.items())] == [
        (DAY - timedelta(days=9), 1, None, None), (DAY, 1, None, None)]  # fmt: skip


def test_dead_letters_and_drift_count_for_the_table_of_their_payload() -> None:
    letters = [row("core.dead_letters", table_name="core.trades", sha256=str(n)) for n in range(2)]
    drift = [
        row("core.drift", endpoint="trades", path="new", objects=5, unit_id="a"),
        row("core.drift", endpoint="trades", path="new", objects=7, unit_id="b"),
        row("core.drift", endpoint="nobody_knows", path="x", objects=1),
    ]
    found = quality({"core.dead_letters": letters, "core.drift": drift})
    mine = found["kalshi", "core.trades", DAY]
    assert (mine["rows"], mine["dead_letters"], mine["drift_objects"], mine["drift_fields"]) == (0, 2, 12, 1)
    assert found["kalshi", "raw.objects", DAY]["drift_objects"] == 1


def test_every_endpoint_of_the_parsers_is_in_the_statement() -> None:
    drift = [row("core.drift", venue=kind.venue, endpoint=kind.endpoint, path=kind.endpoint, objects=1)
             for kind in (*KALSHI.values(), *POLYMARKET.values())]  # fmt: skip
    expected = Counter((k.venue, k.main) for k in (*KALSHI.values(), *POLYMARKET.values()))
    found = {(v, t): r["drift_fields"] for (v, t, _), r in quality({"core.drift": drift}).items()}
    assert found == expected


def test_the_state_of_a_day_follows_from_its_windows() -> None:
    coverage = [
        cover(6),
        cover(5, complete=1400, partial=40),
        cover(4, complete=0, unavailable=1440),
        cover(3, complete=1439),
        cover(0, complete=0, partial=1440),
    ]
    found = quality({COVERAGE: [NOBODY, *coverage], "core.ingest_windows": [window(NOON)]})
    mine = {(DAY - d).days: r for (_, table, d), r in found.items() if table == "core.trades"}
    assert {n: r["state"] for n, r in mine.items()} == {
        6: "complete", 5: "partial", 4: "unavailable", 3: "missing", 2: "missing", 1: "missing", 0: "open"}  # fmt: skip
    assert [mine[n]["missing_minutes"] for n in (6, 5, 3, 2, 0)] == [0, 0, 1, 1440, 0]
    assert (mine[2]["rows"], mine[2]["scope"], mine[5]["reasons"]) == (0, None, ["why"])


def test_days_after_the_last_one_read_are_missing_and_today_is_stale() -> None:
    assert states([cover(3)], [window(NOON - timedelta(days=2))]) == {
        3: "complete",
        2: "missing",
        1: "missing",
        0: "stale",
    }
    for late, state in ((timedelta(hours=3), "open"), (timedelta(hours=3, seconds=1), "stale")):
        assert states([cover(0, complete=500)], [window(NOON - late)]) == {0: state}


def test_a_day_read_long_before_or_after_the_others_is_one_row() -> None:
    edges = [cover((DAY - d).days) for d in (date(1970, 1, 1), date(2099, 12, 31))]
    found = states([*edges, cover(2)], [window(NOON)])
    assert [found.pop((DAY - d).days) for d in (date(1970, 1, 1), date(2099, 12, 31))] == ["complete", "open"]
    assert found == {2: "complete", 1: "missing", 0: "open"}


def test_a_gap_of_400_days_is_listed_and_a_longer_one_is_not() -> None:
    assert len(states([cover(401), cover(1)])) == 402
    assert len(states([cover(402), cover(1)])) == 3


def test_a_window_to_the_end_of_a_day_that_is_not_over_does_not_hide_that_reading_stopped() -> None:
    ahead = window(
        NOON + timedelta(hours=12), recorded_at=NOON - timedelta(hours=5), state="partial", reason="not over"
    )
    found = quality({COVERAGE: [NOBODY, cover(0, complete=0, partial=1440)], "core.ingest_windows": [ahead]})
    mine = found["kalshi", "core.trades", DAY]
    assert (mine["state"], mine["last_read_at"]) == ("stale", NOON - timedelta(hours=5))


def test_tables_filled_by_listings_are_as_fresh_as_the_listing() -> None:
    windows = [window(NOON, table_name="core.instruments", scope="listings:full"),
               window(NOON - timedelta(days=3), table_name="core.resolutions", scope="data_v2")]  # fmt: skip
    found = quality({"core.ingest_windows": windows})
    assert {t: r["state"] for (_, t, _), r in found.items()} == dict.fromkeys(
        ("core.instruments", "core.instrument_history", "core.instrument_quotes", "core.outcomes", "core.events",
         "core.series", "core.resolutions"), "open")  # fmt: skip


def test_the_better_of_two_reads_of_a_day_counts() -> None:
    coverage = [cover(1, complete=700, partial=740), cover(1, scope="all")]
    assert states(coverage, [window(NOON)])[1] == "complete"


def test_a_day_of_fills_is_no_better_than_its_worst_builder_code() -> None:
    fills: Row = {"venue": "polymarket", "table_name": "core.fills"}
    read = [cover(1, scope="0xa", **fills), cover(1, scope="0xb", complete=700, partial=740, **fills)]
    found = quality({COVERAGE: [NOBODY, *read]})
    assert found["polymarket", "core.fills", DAY - timedelta(days=1)]["state"] == "partial"


# --- reasons


def _letters(reasons: Sequence[str]) -> list[Row]:
    return [row("core.dead_letters", table_name="core.trades", sha256=f"{n:03}", reason=r)
            for n, r in enumerate(reasons)]  # fmt: skip


def test_reasons_are_counted_without_the_found_values() -> None:
    reasons = ["expected a price in 0..1, got 7", "expected a price in 0..1, got a\nline", "no trade id"]
    found = computed(REASONS, {"core.dead_letters": _letters(reasons)})
    assert [(r["reason"], r["letters"], r["place"]) for r in sorted(found, key=lambda r: r["place"])] == [
        ("expected a price in 0..1", 2, 1), ("no trade id", 1, 2)]  # fmt: skip


def test_rare_reasons_are_one_row() -> None:
    found = computed(REASONS, {"core.dead_letters": _letters([f"reason {n:02}" for n in range(50)])})
    assert (len(found), sum(r["letters"] for r in found)) == (21, 50)
    assert {r["reason"]: r["letters"] for r in found}["(other reasons)"] == 30


# --- against plain Python

_TRADES = st.lists(
    st.tuples(st.sampled_from(["kalshi", "polymarket"]), st.integers(0, 4), st.integers(-3 * 24, 5 * 24)), max_size=25
)


@settings(max_examples=8)
@given(_TRADES, st.integers(0, 30))
def test_rows_and_late_rows_equal_plain_python(drawn: Sequence[tuple[str, int, int]], late_hours: int) -> None:
    trades = [
        trade(n, venue=venue, date=DAY - timedelta(days=back), event_at=NOON - timedelta(days=back),
              observed_at=NOON - timedelta(days=back) + timedelta(hours=hours))
        for n, (venue, back, hours) in enumerate(drawn)
    ]  # fmt: skip
    rows = Counter((v, DAY - timedelta(days=b)) for v, b, _ in drawn)
    late = Counter((v, DAY - timedelta(days=b)) for v, b, hours in drawn if hours > 12 + late_hours)
    found = quality({"core.trades": trades}, late_hours=late_hours)
    assert {(v, d): (r["rows"], r["late_rows"]) for (v, _, d), r in found.items()} == {
        key: (count, late[key]) for key, count in rows.items()
    }


# --- what a health report reads


def test_a_table_with_an_incomplete_day_has_failed() -> None:
    coverage = [NOBODY, cover(2), cover(1, complete=1400, partial=40), *(cover(n, venue="polymarket") for n in (1, 2))]
    windows = [window(NOON), window(NOON, venue="polymarket")]
    rows = computed(QUALITY, {COVERAGE: coverage, "core.ingest_windows": windows})
    with connect(private=True) as connection:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA mart")
        connection.register("given_rows", arrow(QUALITY, rows))
        connection.execute("CREATE TABLE mart.data_quality AS SELECT * FROM given_rows")
        found = connection.execute(
            "SELECT venue, is_failed, complete_days, partial_days, is_stale, failed_days, reasons "
            f"FROM ({statement('views/table_health').text}) WHERE table_name = 'core.trades' ORDER BY venue"
        ).fetchall()
    assert found == [
        ("kalshi", True, 1, 1, False, ["2026-11-19: partial"], ["why"]),
        ("polymarket", False, 2, 0, False, None, None),
    ]


def test_counting_a_table_reads_only_its_days_and_clocks() -> None:
    """50 million trades are counted every hour: a column of text would be gigabytes."""
    with connect(private=True) as connection:
        connection.execute("CREATE SCHEMA core")
        known = mart(QUALITY)
        for name in (r for r in known.relations if r != COVERAGE):
            nothing = UNREAD_ROWS.empty_table() if name == "core.unread_rows" else arrow(name, [])
            connection.register("given_rows", nothing)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given_rows")
        connection.register("given_rows", pa.Table.from_pylist([NOBODY]))
        connection.execute(f"CREATE TABLE {COVERAGE} AS SELECT * FROM given_rows")
        params = known.bound({"now": NOON, "late_hours": 6, "stale_hours": 3, "max_unread_share": 0.001})
        plan = str(connection.execute(f"EXPLAIN (FORMAT json) {known.statement.text}", params).fetchall()[0][1])
    assert '"observed_at"' in plan
    for wide in ("trade_id", "transaction_hash", "price_text", "raw_sha256", "payload"):
        assert f'"{wide}"' not in plan, wide
