"""Which sampled points make a day, and which are left out."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.polymarket.parse import KINDS
from echelon_pipeline_tests.fakes import Parsed
from echelon_pipeline_tests.polymarket_payloads import context, page, parse_pages

DAY = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
HOUR, FULL = 3600, 86400
KNOWN = [("yes", "polymarket:m", 0), ("no", "polymarket:m", 1), ("a", "polymarket:n", 0)]
KNOWN += [("b", "polymarket:n", 1), ("c", "polymarket:n", 2)]


def read(points: object, asset: str = "yes", start: int = DAY, end: int = DAY + FULL, **more: object) -> RawObject:
    asked = context(token_id=asset, start_ts=start, end_ts=end, **{"fidelity": 60, "source": "clob", **more})
    return RawObject(json.dumps(points).encode(), asset, asked)


def history(*points: tuple[int, float]) -> dict[str, Any]:
    return {"history": [{"t": DAY + t, "p": p} for t, p in points]}


def run(*objects: RawObject, received: datetime | None = None) -> Parsed:
    one = page("prices_history", objects)
    if received is not None:
        one = Page(one.endpoint, one.request, one.number, received, one.objects)
    return parse_pages(KINDS["prices_history"], [one], KNOWN)


def days(*objects: RawObject) -> list[tuple[Any, ...]]:
    rows = run(*objects).rows["core.daily_prices"]
    found = [(r["date"], r["open"], r["high"], r["low"], r["close"], r["n_samples"]) for r in rows]
    return sorted(found)


def day(number: int, *values: str, samples: int) -> tuple[Any, ...]:
    return (date(2026, 3, number), *map(Decimal, values), samples)


def test_a_day_has_the_first_highest_lowest_and_last_point_of_outcome_0() -> None:
    points = history((3 * HOUR, 0.5), (HOUR, 0.3), (2 * HOUR, 0.9), (23 * HOUR, 0.4))
    assert days(read(points)) == [day(1, "0.3", "0.9", "0.3", "0.4", samples=4)]


def test_points_of_outcome_1_are_mirrored() -> None:
    assert days(read(history((HOUR, 0.3), (2 * HOUR, 0.9)), "no")) == [day(1, "0.7", "0.7", "0.1", "0.1", samples=2)]


def test_outcome_0_wins_where_both_tokens_were_read() -> None:
    both = [read(history((HOUR, 0.3)), "no"), read(history((HOUR, 0.6)), "yes")]
    assert days(*both) == [day(1, "0.6", "0.6", "0.6", "0.6", samples=1)]


def test_the_appended_now_point_and_the_end_itself_are_left_out() -> None:
    points = history((-1, 0.1), (0, 0.5), (FULL, 0.2), (9 * FULL, 0.9))
    assert days(read(points)) == [day(1, "0.5", "0.5", "0.5", "0.5", samples=1)]


def test_a_time_that_comes_twice_counts_once() -> None:
    first, again = history((HOUR, 0.5), (HOUR, 0.6)), history((HOUR, 0.7), (2 * HOUR, 0.8))
    assert days(read(first), read(again)) == [day(1, "0.5", "0.8", "0.5", "0.8", samples=2)]


def test_points_after_the_end_of_trading_and_the_settlement_point_are_left_out() -> None:
    points = history((HOUR, 0.97), (2 * HOUR, 1), (3 * HOUR, 1), (4 * HOUR, 0.5))
    assert days(read(points, trading_ended_ts=DAY + 2 * HOUR)) == [day(1, "0.97", "0.97", "0.97", "0.97", samples=1)]
    assert days(read(points, trading_ended_ts=DAY + 5 * HOUR))[0][-1] == 4


def test_a_price_of_1_before_the_end_is_a_price() -> None:
    assert days(read(history((HOUR, 1), (2 * HOUR, 0)))) == [day(1, "1", "1", "0", "0", samples=2)]


@pytest.mark.parametrize(
    ("start", "end", "complete"),
    [
        (DAY, DAY + FULL, True),
        (DAY + 1, DAY + FULL, False),
        (DAY, DAY + FULL - 1, False),
        (DAY - 5, DAY + 2 * FULL, True),
    ],
)
def test_a_day_is_complete_where_one_window_holds_all_of_it(start: int, end: int, complete: bool) -> None:
    rows = run(read(history((HOUR, 0.5)), start=start, end=end)).rows["core.daily_prices"]
    assert [r["is_complete"] for r in rows] == [complete]


def test_a_day_is_not_complete_while_it_lasts() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = run(read(history((HOUR, 0.5)), end=DAY + 9 * FULL), received=noon).rows["core.daily_prices"]
    assert [r["is_complete"] for r in rows] == [False]


def test_chained_windows_make_one_row_per_day() -> None:
    first = read(history((HOUR, 0.5)))
    second = read(history((FULL, 0.6), (FULL + HOUR, 0.7)), start=DAY + FULL, end=DAY + 2 * FULL)
    assert [(d[0].day, d[-1]) for d in days(first, second)] == [(1, 1), (2, 2)]


def test_data_v2_points_and_bare_arrays_are_read_too() -> None:
    v2 = [{"timestamp": DAY + HOUR, "price": 0.25, "resolution_seconds": 300}]
    v2 += [{"timestamp": DAY + 2 * HOUR, "price": 9e-6, "resolution_seconds": 0}]
    (row,) = run(read(v2, source="data_v2")).rows["core.daily_prices"]
    assert (row["open"], row["close"], row["grain_seconds"]) == (Decimal("0.25"), Decimal("0.000009"), 300)
    assert row["source"] == "data_v2/prices-history"
    assert days(read(history((HOUR, 0.5))["history"]))[0][-1] == 1


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        (read({"history": None}), "list of points"),
        (read({"error": "x"}), "list of points"),
        (read(5), "list of points"),
        (read(history((1, 0.5)), "stranger"), "no known instrument"),
        (read(history((1, 0.5)), "b"), "neither outcome 0 nor one of two"),
        (RawObject(b'{"history":[]}'), "context lacks"),
        (RawObject(b'{"history":[]}', None, '{"token_id":"yes"}'), "context lacks"),
    ],
)
def test_what_cannot_be_a_price_series_is_a_dead_letter(served: RawObject, reason: str) -> None:
    result = run(served)
    assert result.rows["core.daily_prices"] == []
    assert len(result.dead) == 1
    assert reason in result.dead[0]["reason"]


def test_bad_points_are_counted_by_day_and_the_good_ones_stay() -> None:
    points = [{"t": DAY, "p": 0.5}, {"t": "soon", "p": 0.5}, 7, None, {"t": DAY + 1, "p": 1.5}, {"t": DAY + 2}]
    result = run(read({"history": points}))
    assert [r["n_samples"] for r in result.rows["core.daily_prices"]] == [1]
    assert [r["is_complete"] for r in result.rows["core.daily_prices"]] == [False]
    found = sorted((d["path"], d["reason"][:8], d["unread_rows"]) for d in result.dead)
    assert found == [("$.history[1]", "3 points", 3), ("$.history[4]", "2 points", 2)]


def test_a_bad_point_makes_its_own_day_incomplete_and_leaves_the_others() -> None:
    points = history(*((HOUR * n, 1.5 if n == 30 else 0.5) for n in range(48)))
    rows = run(read(points, end=DAY + 2 * FULL)).rows["core.daily_prices"]
    first, second = sorted(rows, key=lambda row: row["date"])
    assert (first["is_complete"], first["unread_rows"], first["incomplete_reason"]) == (True, 0, None)
    assert (second["is_complete"], second["unread_rows"]) == (False, 1)
    assert second["incomplete_reason"] == "1 row could not be read"


def test_a_token_without_points_gives_no_day_and_no_dead_letter() -> None:
    result = run(read({"history": []}))
    assert (result.rows["core.daily_prices"], result.dead) == ([], [])
