"""``mart.coverage`` and what it is a part of, ``core.watched_time``: by hand, in plain Python, day by day, and when
more becomes known."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline_tests.book_rows import BOOK, at, book, unknown
from echelon_pipeline_tests.marts import computed, day_by_day, invalid_days
from echelon_pipeline_tests.rows import DAY, Row, arrow, row

NAME = "mart.coverage"
HOUR, A_DAY = 3600, 24 * 3600
FOREVER = 365 * A_DAY


def intent(begin: float, end: float | None, instrument: str = BOOK, listener: str = "l") -> Row:
    to_at = None if end is None else at(end)
    made = {"venue": instrument.partition(":")[0], "listener": listener, "instrument_id": instrument}
    return row("core.listener_intents", **made, from_at=at(begin), to_at=to_at)


def derived(begin: float, end: float, state: str = "complete", venue: str = "kalshi") -> Row:
    """Books of these hours were derived."""
    made = {"table_name": "core.book_snapshots", "scope": "hour", "venue": venue, "state": state}
    return row("core.ingest_windows", **made, from_at=at(begin), to_at=at(end))


def gap(begin: float, end: float, reason: str) -> Row:
    place = {"date": at(begin).date(), "hour": at(begin).hour, "instrument_id": BOOK}
    return row("core.book_gaps", **place, from_at=at(begin), to_at=at(end), began_at=at(begin), reason=reason)


def live_trade(seconds: float, size: str) -> Row:
    place = {"date": at(seconds).date(), "hour": at(seconds).hour, "instrument_id": BOOK}
    price = {"price": Decimal("0.5"), "price_0": Decimal("0.5"), "size": Decimal(size)}
    return row("core.live_trades", **place, **price, received_at=at(seconds))


def trade(seconds: float, size: str, **values: Any) -> Row:
    place = {"date": at(seconds).date(), "instrument_id": BOOK, "event_at": at(seconds)}
    return row("core.trades", **{**place, "size": Decimal(size), **values})


def watched(*intents: Row, instruments: Sequence[Row] = (), windows: Sequence[Row] = ()) -> list[Row]:
    """Rows of core.watched_time."""
    given = {
        "core.listener_intents": intents,
        "core.instruments": instruments,
        "core.ingest_windows": windows or [derived(-FOREVER, FOREVER)],
    }
    with connect() as connection:
        for name, rows in given.items():
            connection.register("given", arrow(name, rows))
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name.removeprefix('core.')} AS SELECT * FROM given")
        text = re.sub(r"(FROM|JOIN) core\.", r"\1 ", statement("views/watched_time").text)
        found: list[Row] = (
            connection.sql(f"SELECT * FROM ({text}) ORDER BY instrument_id, from_at").to_arrow_table().to_pylist()
        )
        return found


def covered(
    rows: Sequence[Row], meant: Sequence[Row], others: Mapping[str, Sequence[Row]] | None = None, **span: Any
) -> list[Row]:
    return computed(NAME, _given(rows, meant, others), **span)


def _given(
    rows: Sequence[Row], meant: Sequence[Row], others: Mapping[str, Sequence[Row]] | None = None
) -> dict[str, Sequence[Row]]:
    # A relation without rows has no columns: unknown instruments are not watched.
    nobody = {"venue": "kalshi", "instrument_id": "kalshi:none", "from_at": at(0), "to_at": at(0), "recorded_to": at(0)}
    return {"core.book_snapshots": rows, "core.watched_time": [*meant, nobody], **(others or {})}


def seconds(found: Row) -> list[float]:
    return [found[f"{kind}_seconds"] for kind in ("expected", "live", "stale", "unknown")]


def test_coverage_is_live_time_by_expected_time() -> None:
    rows = [unknown(600, 610, "before_snapshot"), book(610, 3000), book(3000, 3300, state="stale"), book(3300, 3600)]
    (found,) = covered(rows, watched(intent(600, None)))[:1]
    assert seconds(found) == [3000, 2690, 300, 10]
    assert found["coverage"] == pytest.approx(2690 / 3000)


def test_time_without_any_row_is_unknown() -> None:
    (found,) = covered([book(0, 900)], watched(intent(0, 1800)))
    assert seconds(found) == [1800, 900, 0, 900]


def test_an_hour_without_any_recording_has_a_row() -> None:
    found = covered([book(0, HOUR)], watched(intent(0, 2 * HOUR)))
    assert [(r["hour"], r["coverage"]) for r in found] == [(0, 1), (1, 0)]


def test_a_recording_without_an_intent_has_a_row_without_coverage() -> None:
    (found,) = covered([book(0, 900)], [])
    assert (seconds(found), found["coverage"], found["seen_contracts"]) == ([0, 0, 0, 0], None, None)


def test_books_outside_the_expected_time_do_not_count() -> None:
    (found,) = covered([book(0, HOUR)], watched(intent(600, 1200)))
    assert (seconds(found), found["coverage"]) == ([600, 600, 0, 0], 1)


def test_an_open_intent_counts_up_to_the_last_derived_hour() -> None:
    meant = watched(intent(0, None), windows=[derived(0, HOUR), derived(2 * HOUR, 3 * HOUR)])
    found = covered([book(0, HOUR), book(2 * HOUR, 3 * HOUR)], meant)
    assert [(r["hour"], r["expected_seconds"], r["coverage"]) for r in found] == [
        (0, HOUR, 1),
        (1, HOUR, 0),
        (2, HOUR, 1),
    ]


def test_the_hour_that_is_still_being_recorded_counts_up_to_its_last_book() -> None:
    meant = watched(intent(0, None), windows=[derived(0, HOUR), derived(HOUR, 2 * HOUR, "partial")])
    found = covered([book(0, HOUR), book(HOUR, HOUR + 700)], meant)
    assert [r["expected_seconds"] for r in found] == [HOUR, 700]


def test_no_time_is_expected_for_a_venue_that_was_never_derived() -> None:
    other = [derived(0, HOUR, venue="polymarket")]
    assert covered([], watched(intent(0, None), windows=other)) == []


def test_overlapping_intents_of_several_listeners_are_merged() -> None:
    meant = watched(
        intent(0, 100), intent(50, 200, listener="m"), intent(60, 70, listener="n"), intent(200, 210), intent(300, None)
    )
    assert [(r["from_at"], r["to_at"]) for r in meant] == [(at(0), at(210)), (at(300), None)]
    lasting = watched(intent(0, None), intent(50, 60, listener="m"), intent(100, None, listener="n"))
    assert [(r["from_at"], r["to_at"]) for r in lasting] == [(at(0), None)]


def instrument(**values: Any) -> Row:
    venue = values.get("venue", "kalshi")
    return row("core.instruments", **{"instrument_id": f"{venue}:A", "status": "active", **values})


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ({}, None),
        ({"closes_at": at(500)}, 500),
        ({"closes_at": at(500), "trading_ended_at": at(700), "status": "settled"}, 700),
        ({"closes_at": at(500), "trading_ended_at": at(300), "status": "closed"}, 300),
        ({"venue": "polymarket", "closes_at": at(500)}, None),
        ({"venue": "polymarket", "closes_at": at(500), "status": "closed"}, 500),
        ({"venue": "polymarket", "closes_at": at(500), "status": "closed", "trading_ended_at": at(700)}, 700),
    ],
)
def test_trading_ends_at_its_known_end_or_at_a_binding_schedule(values: Row, ends: float | None) -> None:
    name = f"{values.get('venue', 'kalshi')}:A"
    windows = [derived(0, HOUR, venue=v) for v in ("kalshi", "polymarket")]
    (found,) = watched(intent(0, None, name), instruments=[instrument(**values)], windows=windows)
    assert found["to_at"] == (None if ends is None else at(ends))


def test_no_time_is_expected_before_trading_opens() -> None:
    (found,) = watched(intent(0, 1000), instruments=[instrument(opens_at=at(400))])
    assert (found["from_at"], found["to_at"]) == (at(400), at(1000))
    assert watched(intent(0, 300), instruments=[instrument(opens_at=at(400))]) == []


def test_gaps_are_counted_by_reason() -> None:
    gaps = [gap(10, 20, "hash"), gap(40, 50, "disconnect"), gap(70, 80, "hash"), gap(HOUR, HOUR + 1, "gap")]
    found = covered([book(0, HOUR), book(HOUR, 2 * HOUR)], watched(intent(0, 2 * HOUR)), {"core.book_gaps": gaps})
    assert [(r["gaps"], json.loads(r["gap_reasons"])) for r in found] == [
        (3, {"hash": 2, "disconnect": 1}),
        (1, {"gap": 1}),
    ]
    (none,) = covered([book(0, HOUR)], watched(intent(0, HOUR)))
    assert (none["gaps"], none["gap_reasons"]) == (0, None)


def complete(is_complete: bool = True) -> Row:
    return row("core.daily_prices", instrument_id=BOOK, date=DAY, price_source="trades", is_complete=is_complete)


def test_seen_contracts_are_compared_with_the_venues_contracts_of_the_same_time() -> None:
    others = {
        "core.live_trades": [live_trade(10, "3"), live_trade(700, "4.5"), live_trade(HOUR + 5, "9")],
        "core.trades": [trade(5, "100"), trade(650, "9"), trade(700, "1", identity="weak"), trade(HOUR + 4, "9")],
        "core.daily_prices": [complete()],
    }
    found = covered([], watched(intent(600, 2 * HOUR), windows=[derived(0, 3 * HOUR)]), others)
    assert [(r["seen_contracts"], r["venue_contracts"], r["seen_share"]) for r in found] == [
        (Decimal("4.5"), 9, 0.5),
        (9, 9, 1),
    ]


@pytest.mark.parametrize("day", [[], [complete(is_complete=False)]])
def test_venue_contracts_are_null_if_its_day_is_not_complete(day: list[Row]) -> None:
    others = {"core.live_trades": [live_trade(10, "3")], "core.trades": [trade(10, "3")], "core.daily_prices": day}
    (found,) = covered([], watched(intent(0, HOUR)), others)
    assert (found["seen_contracts"], found["venue_contracts"], found["seen_share"]) == (3, None, None)


@pytest.mark.parametrize(
    ("read_from", "read_to", "counted"), [(-HOUR, HOUR, 3), (0, HOUR, 3), (-HOUR, HOUR - 1, None), (1, HOUR, None)]
)
def test_trades_of_a_day_that_is_not_over_count_if_all_of_the_expected_time_was_read(
    read_from: float, read_to: float, counted: int | None
) -> None:
    read = {"complete_from": at(read_from), "complete_to": at(read_to), "reason": ""}
    others = {
        "core.live_trades": [live_trade(10, "3")],
        "core.trades": [trade(10, "3"), trade(HOUR + 9, "7")],
        "core.daily_prices": [complete(is_complete=False)],
        "core.instrument_completeness": [{"instrument_id": BOOK, "table_name": "core.trades", **read}],
    }
    (found,) = covered([], watched(intent(0, HOUR)), others)
    assert (found["venue_contracts"], found["seen_share"]) == (counted, None if counted is None else 1)


def test_an_hour_without_trades_of_a_traded_instrument_has_no_share() -> None:
    (found,) = covered([], watched(intent(0, HOUR)), {"core.daily_prices": [complete()]})
    assert (found["seen_contracts"], found["venue_contracts"], found["seen_share"]) == (0, 0, None)


def random_rows(dice: random.Random, instrument: str, begin: int, end: int) -> list[Row]:
    """Rows from begin to end, with holes, each within one hour."""
    rows, kinds = [], ["live", "live", "live", "stale", "unknown", "hole"]
    made: Row = {"instrument_id": instrument}
    while begin < end:
        until = min(end, begin + dice.randint(1, 2500), (begin // HOUR + 1) * HOUR)
        kind = dice.choice(kinds)
        if kind == "unknown":
            rows.append(unknown(begin, until, **made))
        elif kind != "hole":
            rows.append(book(begin, until, state=kind, **made))
        begin = until
    return rows


def random_intents(dice: random.Random, instrument: str) -> list[Row]:
    """Of three listeners, over two days."""
    found = []
    for listener in "lmn":
        begin = -A_DAY + dice.randint(-HOUR, 5 * HOUR)
        while begin < A_DAY:
            end = begin + dice.randint(1, 9 * HOUR)
            found.append(intent(begin, end, instrument, listener))
            begin = end + dice.randint(HOUR, 9 * HOUR)
    return found


NAMES = ("kalshi:A", "kalshi:B", "polymarket:0xc")
RECORDED = {"kalshi": A_DAY - 2 * HOUR, "polymarket": 10 * HOUR}
ROWS = [
    r
    for n, name in enumerate(NAMES)
    for r in random_rows(random.Random(n), name, -A_DAY + 2 * HOUR, RECORDED[name.partition(":")[0]] + n * 500)
]
INTENTS = [i for n, name in enumerate(NAMES) for i in random_intents(random.Random(10 + n), name)]
WINDOWS = [derived(-2 * A_DAY, end, venue=venue) for venue, end in RECORDED.items()]
SPAN = (DAY - timedelta(days=1), DAY)
DAYS: dict[str, Any] = {"days": SPAN}


def _by_the_second(begin: datetime, venue: str, instrument: str) -> list[float]:
    """Expected, live, stale and unknown seconds of an hour, asked second by second."""
    ends = max(
        at(RECORDED[venue]),
        max(r["valid_to"] for r in ROWS if r["instrument_id"].startswith(venue) and r["date"] == begin.date()),
    )
    rows = [r for r in ROWS if r["instrument_id"] == instrument and r["valid_from"] < begin + timedelta(hours=1)]
    meant = [i for i in INTENTS if i["instrument_id"] == instrument]
    found = [0.0, 0.0, 0.0, 0.0]
    for n in range(HOUR):
        second = begin + timedelta(seconds=n)
        if second < ends and any(i["from_at"] <= second < i["to_at"] for i in meant):
            state = next((r["state"] for r in rows if r["valid_from"] <= second < r["valid_to"]), "unknown")
            found[0] += 1
            found[("live", "stale", "unknown").index(state) + 1] += 1
    return found


def test_random_days_equal_a_walk_second_by_second() -> None:
    found = {
        (r["instrument_id"], at(0).replace(day=r["date"].day, hour=r["hour"])): r
        for r in covered(ROWS, watched(*INTENTS, windows=WINDOWS), **DAYS)
    }
    dice = random.Random(3)
    hours = [at(n * HOUR) for n in range(-24, 24)]
    for name in NAMES:
        for begin in dice.sample(hours, 16):
            expected = _by_the_second(begin, name.partition(":")[0], name)
            mine = found.get((name, begin))
            assert expected == (seconds(mine) if mine else [0.0] * 4), (name, begin)


def test_building_day_by_day_equals_the_full_build() -> None:
    given = _given(ROWS, watched(*INTENTS, windows=WINDOWS))
    built = computed(NAME, given, SPAN)
    assert len(built) > 60
    assert day_by_day(NAME, given, SPAN) == built


def stale_days(meant: Sequence[Row], stored: Sequence[Row]) -> set[Any]:
    return invalid_days(NAME, {**_given([], meant), NAME: stored})


def test_unchanged_days_are_not_built_again() -> None:
    meant = watched(*INTENTS, windows=WINDOWS)
    built = covered(ROWS, meant, days=(DAY - timedelta(days=2), DAY))
    assert stale_days(meant, built) == set()


def test_a_later_recorded_intent_makes_its_days_stale() -> None:
    before, more = watched(*INTENTS, windows=WINDOWS), watched(*INTENTS, intent(0, 60, "kalshi:new"), windows=WINDOWS)
    built = covered(ROWS, before, days=(DAY - timedelta(days=2), DAY))
    assert stale_days(more, built) == {DAY}
    assert stale_days(before, covered(ROWS, more, days=(DAY - timedelta(days=2), DAY))) == {DAY}


def test_a_later_recorded_hour_makes_the_lost_hour_before_it_stale() -> None:
    meant = intent(-2 * HOUR, None)
    before = watched(meant, windows=[derived(-2 * HOUR, -HOUR)])
    after = watched(meant, windows=[derived(-2 * HOUR, -HOUR), derived(0, HOUR, "partial")])
    built = covered([book(-2 * HOUR, -HOUR)], before, **DAYS)
    assert [r["expected_seconds"] for r in built] == [HOUR]
    assert stale_days(after, built) == {DAY - timedelta(days=1)}
    again = covered([book(-2 * HOUR, -HOUR), book(0, 100)], after, **DAYS)
    assert [r["expected_seconds"] for r in again] == [HOUR, HOUR, 100]
    assert stale_days(after, again) == set()
