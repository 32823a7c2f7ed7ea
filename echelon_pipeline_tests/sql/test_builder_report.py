"""``mart.builder_report``: volume, users, fees and rates of builder codes, in total and by part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline_tests.marts import computed
from echelon_pipeline_tests.rows import Row, row
from echelon_pipeline_tests.sql.test_builder_marts import CODES, LEDGER, LEGS, MONDAY, READ, VOLUME, A, leg, read

REPORT = "mart.builder_report"
STATEMENTS = "core.builder_statements"
Key = tuple[str, str, date, str, str]
MONTH = date(2026, 11, 1)


def reported(
    fills: Iterable[Row],
    coverage: Sequence[Row] = READ,
    categories: Sequence[Row] = (),
    statements: Sequence[Row] = (),
    codes: Sequence[str] = CODES,
    **params: Any,
) -> dict[Key, Row]:
    """Rows of the report by code, range, its start, dimension and part."""
    legs = computed(LEGS, {"core.fills": fills}, builder_codes=codes)
    volume = computed(VOLUME, {LEGS: legs, "core.coverage": coverage}, builder_codes=codes)
    tables = {LEGS: legs, VOLUME: volume, "core.ticker_categories": categories, STATEMENTS: statements}
    found = computed(REPORT, tables, builder_codes=codes, **params)
    return {(r["builder_code"], r["range"], r["range_start"], r["dimension"], r["part"]): r for r in found}


def total(found: dict[Key, Row], range_: str, begin: date, code: str = A) -> Row:
    return found[code, range_, begin, "total", "all"]


def test_totals_are_those_of_builder_volume() -> None:
    found = reported(LEDGER)
    legs = computed(LEGS, {"core.fills": LEDGER}, builder_codes=CODES)
    volume = computed(VOLUME, {LEGS: legs, "core.coverage": READ}, builder_codes=CODES)
    same = ("volume_usd", "contracts", "matches", "legs", "open_volume_usd", "users", "new_users", "is_complete")
    compared = 0
    for r in volume:
        if r["venue"] == "polymarket" and r["range"] in ("day", "week", "month"):
            mine = total(found, r["range"], r["range_start"], r["builder_code"])
            assert {c: mine[c] for c in same} == {c: r[c] for c in same}, r
            compared += 1
    assert compared == 3 * (7 + 1 + 1)


def test_parts_sum_to_the_total() -> None:
    fills = [
        {**f, "side": ("buy", "sell", None)[n % 3], "instrument_id": f"polymarket:{n % 2}"}
        for n, f in enumerate(LEDGER)
    ]
    categories = [row("core.ticker_categories", instrument_id="polymarket:1", venue="polymarket", category="Sports")]
    found = reported(fills, categories=categories)
    for (code, range_, begin, dimension, _), r in found.items():
        if dimension == "total":
            for other in ("category", "instrument", "side", "role"):
                parts = [p for k, p in found.items() if k[:4] == (code, range_, begin, other)]
                for column in ("volume_usd", "contracts", "legs", "builder_fee_usd"):
                    assert sum((p[column] for p in parts), Decimal(0)) == r[column], (
                        code,
                        range_,
                        begin,
                        other,
                        column,
                    )
                if r["volume_usd"]:
                    assert sum(p["volume_share"] for p in parts) == pytest.approx(1)
    assert {k[4] for k in found if k[3] == "category"} == {"Sports", "Other"}
    assert {k[4] for k in found if k[3] == "side"} == {"buy", "sell", "unknown"}


def test_growth_returning_users_and_retention_compare_with_the_range_before() -> None:
    tuesday = MONDAY + timedelta(days=1)
    fills = [
        *(leg(n, str(n), "10", maker=f"0xu{n}") for n in (1, 2)),
        *(leg(n + 10, str(n + 10), "15", maker=f"0xu{n}", event_at=tuesday) for n in (2, 3)),
    ]
    found = reported(fills)
    first, second, third = (total(found, "day", MONDAY.date() + timedelta(days=n)) for n in range(3))
    assert (first["volume_growth"], first["retention"], first["returning_users"]) == (None, None, 0)
    assert (second["volume_growth"], second["retention"]) == (0.5, 0.5)
    assert (second["users"], second["new_users"], second["returning_users"]) == (2, 1, 1)
    assert (third["volume_usd"], third["volume_growth"], third["retention"]) == (0, -1.0, 0.0)


@pytest.mark.parametrize(("first", "last", "growth"), [(0, 3, 0.5), (1, 3, None), (0, 1.5, None)])
def test_growth_is_of_ranges_that_were_both_read_completely(first: float, last: float, growth: float | None) -> None:
    begin = MONDAY.replace(hour=0)
    fills = [leg(1, "1", "10"), leg(2, "2", "15", event_at=MONDAY + timedelta(days=1))]
    found = reported(fills, [read("0xAA", begin + timedelta(days=first), begin + timedelta(days=last))])
    for dimension, part in (("total", "all"), ("role", "taker")):
        day = found[A, "day", MONDAY.date() + timedelta(days=1), dimension, part]
        assert (day["volume_usd"], day["volume_growth"]) == (15, growth)


def test_weeks_begin_on_the_day_of_the_setting() -> None:
    fills = [leg(n, str(n), "10", event_at=MONDAY + timedelta(days=n)) for n in range(7)]
    by_start = {}
    for start in (1, 4, 7):
        found = reported(fills, week_start=start)
        by_start[start] = {k[2]: r["volume_usd"] for k, r in found.items() if k[:2] == (A, "week") and k[3] == "total"}
    assert by_start == {
        1: {date(2026, 11, 16): 70},
        4: {date(2026, 11, 12): 30, date(2026, 11, 19): 40},
        7: {date(2026, 11, 15): 60, date(2026, 11, 22): 10},
    }


def test_rates_are_fees_per_notional_with_the_days_on_which_they_were_charged() -> None:
    rates = [("taker", 20), ("taker", 20), ("taker", 35), ("maker", 10), ("taker", 20)]
    fills = [
        leg(n, str(n), "100", role=role, event_at=MONDAY + timedelta(days=n), builder_fee_usd=Decimal(bps) / 100)
        for n, (role, bps) in enumerate(rates)
    ]
    week = total(reported(fills), "week", MONDAY.date())
    assert week["rate_history"] == [
        "taker 20 bps from 2026-11-16 to 2026-11-17",
        "taker 35 bps from 2026-11-18 to 2026-11-18",
        "maker 10 bps from 2026-11-19 to 2026-11-19",
        "taker 20 bps from 2026-11-20 to 2026-11-20",
    ]
    assert (week["taker_rate_bps"], week["maker_rate_bps"]) == (pytest.approx(23.75), pytest.approx(10))


def test_an_unknown_fee_makes_the_sum_unknown() -> None:
    found = reported([leg(1, "1", "10"), leg(2, "2", "10", fee_usd=None, builder_fee_usd=None)])
    day = total(found, "day", MONDAY.date())
    assert (day["fee_usd"], day["fee_source"], day["builder_fee_usd"], day["arpu_usd"]) == (None, "unknown", None, None)


def test_a_range_with_days_that_were_not_read_is_not_complete_and_says_how_many() -> None:
    begin = MONDAY.replace(hour=0)
    coverage = [
        read("0xAA", begin, begin + timedelta(days=2)),
        read("0xAA", begin + timedelta(days=3), begin + timedelta(days=4)),
    ]
    found = reported([leg(1, "1", "10")], coverage)
    week = total(found, "week", MONDAY.date())
    assert (week["complete_share"], week["is_complete"]) == (3 / 7, False)
    assert week["incomplete_reason"] == "3 of 7 days were read completely; 2026-11-18: never read"
    unread = total(found, "day", MONDAY.date() + timedelta(days=2))
    assert (unread["volume_usd"], unread["users"], unread["is_complete"]) == (None, None, False)


def statement(number: int, code: str, volume: str, final_at: datetime, **values: Any) -> Row:
    made = {
        "venue": "polymarket", "builder_code": code, "month": MONTH, "dimension": "total", "part": "all",
        "volume_usd": Decimal(volume), "statement_id": f"2026-11/{number}", "final_at": final_at,
        "table_versions": "{}", "is_complete": True,
    }  # fmt: skip
    return row(STATEMENTS, **{**made, **values})


def test_a_final_month_has_the_figures_of_its_latest_statement() -> None:
    later = MONDAY + timedelta(days=40)
    found = reported(
        LEDGER,
        statements=[
            statement(1, A, "70", later),
            statement(1, A, "70", later, dimension="category", part="Gone"),
            statement(2, A, "71.5", later + timedelta(days=1)),
        ],
    )
    final = {k[3:]: r for k, r in found.items() if k[:3] == (A, "month", MONTH)}
    assert set(final) == {("total", "all")}
    month = final["total", "all"]
    assert (month["volume_usd"], month["is_final"], month["statement_id"]) == (Decimal("71.5"), True, "2026-11/2")
    assert not total(found, "month", MONTH, "all_codes")["is_final"]
    assert not total(found, "week", MONDAY.date())["is_final"]


def test_without_a_configured_code_there_are_no_rows() -> None:
    assert reported(LEDGER, codes=[]) == {}


DATES = st.integers(0, 45).map(lambda n: MONDAY + timedelta(days=n))


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(DATES, st.sampled_from("uvw"), st.integers(1, 9)), max_size=12), st.integers(1, 7))
def test_users_of_ranges_equal_plain_python(fills: list[tuple[datetime, str, int]], week_start: int) -> None:
    rows = [leg(n, str(n), str(size), maker=f"0x{who}", event_at=at) for n, (at, who, size) in enumerate(fills)]
    found = reported(
        rows, [read("0xAA", MONDAY.replace(hour=0), MONDAY.replace(hour=0) + timedelta(days=50))], week_start=week_start
    )

    def begin(range_: str, day: date) -> date:
        if range_ == "month":
            return day.replace(day=1)
        return day if range_ == "day" else day - timedelta(days=(day.isoweekday() - week_start) % 7)

    firsts = {who: min(at.date() for at, w, _ in fills if w == who) for _, who, _ in fills}
    for (code, range_, start, dimension, _), r in found.items():
        if code == A and dimension == "total":
            inside = [(at.date(), who, size) for at, who, size in fills if begin(range_, at.date()) == start]
            users = {who for _, who, _ in inside}
            assert r["users"] == len(users)
            assert r["new_users"] == len({who for who in users if begin(range_, firsts[who]) == start})
            assert r["volume_usd"] == sum(size for _, _, size in inside)
