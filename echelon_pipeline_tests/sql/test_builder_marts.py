"""Builder volume, revenue and ranks: a ledger of special cases by hand, and any legs against plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline_tests.marts import computed
from echelon_pipeline_tests.rows import Row, row

A, B, OTHER = "0xaa", "0xbb", "0xcc"
CODES = ["0xAA", B]  # as typed into the setting: codes are compared in any case
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
ALL = date(1970, 1, 1)
MONDAY = datetime(2026, 11, 16, 12, tzinfo=UTC)
LEGS, VOLUME, REVENUE, RANKS = (
    "core.builder_legs",
    "mart.builder_volume",
    "mart.builder_revenue",
    "mart.builder_leaderboard",
)
RANGES = ("day", "week", "month", "all")


def leg(number: int, match: str | None, notional: str | None, **values: Any) -> Row:
    """A confirmed taker leg of code A on Monday; ``match``: transaction and taker order."""
    at = values.pop("event_at", MONDAY)
    made: Row = {
        "venue": "polymarket",
        "date": at.date(),
        "event_at": at,
        "fill_id": f"polymarket:{number}",
        "instrument_id": "polymarket:1",
        "role": "taker",
        "builder_code": A,
        "maker": f"0xU{number}",
        "transaction_hash": None if match is None else f"0xt{match}",
        "taker_order_id": None if match is None else f"0xo{match}",
        "notional_usd": None if notional is None else Decimal(notional),
        "price": Decimal("0.5"),
        "size": Decimal(notional or 1) * 2,
        "fee_usd": Decimal("0.1"),
        "builder_fee_usd": Decimal("0.01"),
        "status": "confirmed",
        "is_terminal": True,
    }
    return row("core.fills", **{**made, **values})


def read(scope: str, begin: datetime, end: datetime, state: str = "complete") -> Row:
    return {"venue": "polymarket", "table_name": "core.fills", "scope": scope, "from_at": begin, "to_at": end,
            "state": state, "reason": None}  # fmt: skip


WEEK = (MONDAY.replace(hour=0), MONDAY.replace(hour=0) + timedelta(days=7))
READ = [read("0xAA", *WEEK), read(B, *WEEK)]


def schedule(rate: str, seen: datetime, **fields: Any) -> Row:
    made = {"exponent": 1, "takerOnly": "true", **fields}
    text = f'{{"exponent":{made["exponent"]},"rate":{rate},"takerOnly":{made["takerOnly"]}}}'
    return row("core.instrument_history", venue="polymarket", instrument_id="polymarket:1", status="active",
               valid_from=seen, fee_rate=Decimal(rate), fee_schedule=text)  # fmt: skip


def legs_of(fills: Iterable[Row], history: Iterable[Row] = ()) -> list[Row]:
    return computed(LEGS, {"core.fills": fills, "core.instrument_history": history}, builder_codes=CODES)


def volumes(fills: Iterable[Row], coverage: Sequence[Row] = READ) -> dict[tuple[str, str, date], Row]:
    """Rows of Polymarket by code, range and its start."""
    found = computed(VOLUME, {LEGS: legs_of(fills), "core.coverage": coverage}, builder_codes=CODES)
    return {(r["builder_code"], r["range"], r["range_start"]): r for r in found if r["venue"] == "polymarket"}


def revenues(fills: Sequence[Row], history: Iterable[Row] = ()) -> dict[tuple[str, str, date], Row]:
    own = legs_of(fills, history)
    volume = computed(VOLUME, {LEGS: own, "core.coverage": READ}, builder_codes=CODES)
    found = computed(REVENUE, {LEGS: own, VOLUME: volume}, builder_codes=CODES)
    return {(r["builder_code"], r["range"], r["range_start"]): r for r in found if r["venue"] == "polymarket"}


LATE = MONDAY.replace(hour=23, minute=59, second=59)
LEDGER = [
    # A takes, and two of its own makers are on the other side: 10 once, not 20.
    leg(1, "m1", "10", maker="0xu1"),
    leg(2, "m1", "4", role="maker", maker="0xu2"),
    leg(3, "m1", "6", role="maker", maker="0xu3"),
    # Somebody else takes: A's two makers are what A took part in.
    leg(4, "m2", "3", role="maker", maker="0xu2"),
    leg(5, "m2", "5", role="maker", maker="0xU2"),
    # A takes from B: 7 for either, 7 in all.
    leg(6, "m3", "7", maker="0xu1"),
    leg(7, "m3", "7", role="maker", maker="0xu4", builder_code=B.upper().replace("0X", "0x")),
    # Did not happen, or not yet.
    leg(8, "m4", "100", status="failed"),
    leg(9, "m5", "100", status="retrying", is_terminal=False),
    leg(10, "m6", "50", maker="0xu9", status="matched", is_terminal=False),
    leg(11, "m6", "50", maker="0xu9", role="maker"),
    # The venue's own contract is no user; its volume counts.
    leg(12, "m7", "2", maker=EXCHANGE),
    # A match whose legs lie on either side of midnight belongs to the day of the first.
    leg(13, "m8", "20", role="maker", maker="0xu5", event_at=LATE),
    leg(14, "m8", "30", role="maker", maker="0xu5", event_at=LATE + timedelta(seconds=2)),
    # Without a taker order every leg is its own; without a notional price times size is taken.
    leg(15, None, "1", maker="0xu6", event_at=MONDAY + timedelta(days=2)),
    leg(16, None, None, maker="0xu6", event_at=MONDAY + timedelta(days=2), size=Decimal(3), price=Decimal("0.25")),
    # Nobody's concern.
    leg(17, "m9", "1000", builder_code=OTHER),
    leg(18, "m10", "1000", builder_code=None),
]  # fmt: skip


def test_every_special_case_of_the_ledger() -> None:
    found = volumes(LEDGER)
    monday = found[A, "day", date(2026, 11, 16)]
    assert {k: monday[k] for k in ("volume_usd", "contracts", "taker_volume_usd", "maker_volume_usd")} == {
        "volume_usd": Decimal(10 + 8 + 7 + 2 + 50),
        "contracts": Decimal(2 * 77),
        "taker_volume_usd": Decimal(10 + 7 + 2),
        "maker_volume_usd": Decimal(8 + 50),
    }
    assert (monday["matches"], monday["legs"], monday["taker_legs"], monday["maker_legs"]) == (5, 9, 3, 6)
    assert (monday["open_legs"], monday["open_volume_usd"], monday["excluded_legs"]) == (2, Decimal(50), 2)
    assert (monday["users"], monday["new_users"]) == (4, 4)  # u1, u2, u3, u5
    assert monday["top_1_share"] == 50 / 77
    assert monday["top_10_share"] == 75 / 77  # the venue's contract has the other 2
    assert (monday["is_complete"], monday["reason"]) == (True, None)
    tuesday = found[A, "day", date(2026, 11, 17)]
    assert (tuesday["volume_usd"], tuesday["legs"], tuesday["users"], tuesday["top_1_share"]) == (0, 0, 0, None)
    assert tuesday["is_complete"]
    wednesday = found[A, "day", date(2026, 11, 18)]
    assert (wednesday["volume_usd"], wednesday["matches"], wednesday["users"]) == (Decimal("1.75"), 2, 1)
    assert found[B, "all", ALL]["volume_usd"] == found[B, "all", ALL]["maker_volume_usd"] == 7


def test_a_fill_between_two_configured_codes_counts_once_in_all_codes() -> None:
    found = volumes(LEDGER)
    week = [found[code, "week", date(2026, 11, 16)] for code in (A, B, "all_codes")]
    assert [r["volume_usd"] for r in week] == [Decimal("78.75"), Decimal(7), Decimal("78.75")]
    assert [r["users"] for r in week] == [5, 1, 6]
    assert [r["legs"] for r in week] == [11, 1, 12]


def test_a_user_is_new_only_in_the_range_of_the_first_fill() -> None:
    fills = [leg(n, str(n), "1", maker="0xu1", event_at=MONDAY + timedelta(days=d)) for n, d in enumerate((0, 1, 7))]
    found = volumes([*fills, leg(9, "9", "1", maker="0xu2", event_at=MONDAY + timedelta(days=7))])
    starts = (date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 23))
    assert [found[A, "day", d]["new_users"] for d in starts] == [1, 0, 1]
    assert [found[A, "week", d]["new_users"] for d in (starts[0], starts[2])] == [1, 1]
    assert (found[A, "week", starts[2]]["users"], found[A, "all", ALL]["new_users"]) == (2, 2)


def test_kalshi_has_no_figures_and_a_reason() -> None:
    fills = legs_of(LEDGER)
    volume = computed(VOLUME, {LEGS: fills, "core.coverage": READ}, builder_codes=CODES)
    for name, given_rows in ((VOLUME, volume), (REVENUE, computed(REVENUE, {LEGS: fills, VOLUME: volume}))):
        kalshi = [r for r in given_rows if r["venue"] == "kalshi"]
        assert [(r["builder_code"], r["range"]) for r in kalshi] == [(A, "all"), (B, "all"), ("all_codes", "all")], name
        assert {r["volume_usd"] for r in kalshi} == {r["users"] for r in kalshi} == {None}
        assert all("no builder field" in r["reason"] for r in kalshi)


def test_a_range_never_read_is_null_and_a_range_read_without_fills_is_zero() -> None:
    coverage = [
        read("0xAA", WEEK[0], WEEK[0] + timedelta(days=1)),
        read("0xAA", WEEK[0] + timedelta(days=2), WEEK[0] + timedelta(days=2, hours=6), "partial"),
        read("0xAA", WEEK[0] + timedelta(days=3), WEEK[0] + timedelta(days=4), "unavailable"),
    ]
    found = volumes([], coverage)
    days = [found[A, "day", (WEEK[0] + timedelta(days=n)).date()] for n in range(4)]
    assert [r["volume_usd"] for r in days] == [0, None, 0, None]
    assert [r["is_complete"] for r in days] == [True, False, False, False]
    assert [r["reason"] for r in days] == [
        None, "never read", "0 of 1440 minutes were read completely", "never read"]  # fmt: skip
    assert found[A, "all", ALL]["reason"] == "1440 of 5760 minutes were read completely"
    assert (found[B, "all", ALL]["volume_usd"], found[B, "all", ALL]["reason"]) == (None, "never read")
    assert found["all_codes", "day", WEEK[0].date()]["reason"] == "1 of 2 codes were read completely"


def test_an_old_read_makes_no_rows_for_the_days_since() -> None:
    old = datetime(1970, 1, 1, tzinfo=UTC)
    found = volumes([], [read(A, old, old + timedelta(days=1)), read(A, *WEEK)])
    days = {start: r["is_complete"] for (code, range_, start), r in found.items() if (code, range_) == (A, "day")}
    assert days == {old.date(): True, **{WEEK[0].date() + timedelta(days=n): True for n in range(7)}}
    assert not found[A, "all", ALL]["is_complete"]


def test_without_a_configured_code_there_are_no_rows() -> None:
    given_rows = {"core.fills": LEDGER, "core.coverage": READ}
    assert computed(LEGS, given_rows, builder_codes=[]) == []
    assert computed(VOLUME, {"core.coverage": READ}, builder_codes=[]) == []


# --- revenue


def test_fees_are_reported_or_estimated_by_the_schedule_known_then_or_unknown() -> None:
    unpriced = {"fee_usd": None, "size": Decimal(100), "price": Decimal("0.4")}
    fills = [
        leg(1, "1", "5", **unpriced, event_at=MONDAY),
        leg(2, "2", "5", **unpriced, event_at=MONDAY - timedelta(days=7)),
        leg(3, "3", "5", **unpriced, event_at=MONDAY + timedelta(hours=2)),
        leg(4, "4", "5", **unpriced, event_at=MONDAY, role="maker"),
    ]
    history = [
        schedule("0.05", MONDAY - timedelta(days=1)),
        schedule("0.07", MONDAY + timedelta(hours=1), exponent=2),
    ]
    found = {r["fill_id"][-1]: (r["fee_source"], r["fee_usd"]) for r in legs_of(fills, history)}
    assert found == {
        "1": ("estimated", Decimal("1.2")),  # 100 x 0.05 x 0.4 x 0.6
        "2": ("unknown", None),  # the only schedules were seen later
        "3": ("estimated", Decimal("0.4032")),  # 100 x 0.07 x 0.24 x 0.24
        "4": ("estimated", Decimal(0)),  # makers pay nothing under it
    }


@pytest.mark.parametrize(
    ("fields", "role", "expected"),
    [
        ({"exponent": 3}, "taker", None),
        ({"exponent": "null"}, "taker", None),
        ({"takerOnly": "null"}, "maker", None),
        ({"takerOnly": "null"}, "taker", Decimal("0.0125")),
        ({"takerOnly": "false"}, "maker", Decimal("0.0125")),
    ],
)
def test_an_unreadable_fee_schedule_gives_no_fee(
    fields: Mapping[str, Any], role: str, expected: Decimal | None
) -> None:
    (found,) = legs_of([leg(1, "1", "0.5", role=role, fee_usd=None)], [schedule("0.05", WEEK[0], **fields)])
    assert (found["fee_usd"], found["fee_source"]) == (expected, "unknown" if expected is None else "estimated")


def test_a_fee_of_the_largest_size_is_exact() -> None:
    most = {"size": Decimal(999999999999), "price": Decimal("0.5"), "notional_usd": Decimal("499999999999.5")}
    (found,) = legs_of([leg(1, "1", "1", fee_usd=None, **most)], [schedule("0.05", WEEK[0])])
    assert found["fee_usd"] == Decimal("12499999999.98750")


def test_an_unknown_fee_makes_the_sum_unknown_and_not_zero() -> None:
    fills = [leg(1, "1", "10", maker="0xu1"), leg(2, "2", "10", fee_usd=None), leg(3, "3", "20", builder_fee_usd=None)]
    found = revenues(fills)[A, "day", date(2026, 11, 16)]
    assert (found["fee_usd"], found["fee_source"], found["reported_fee_usd"]) == (None, "unknown", Decimal("0.2"))
    assert (found["reported_legs"], found["unknown_legs"]) == (2, 1)
    assert (found["builder_fee_usd"], found["served_builder_fee_usd"]) == (None, Decimal("0.02"))
    assert (found["unserved_builder_fee_legs"], found["revenue_share"], found["arpu_usd"]) == (1, None, None)


def test_fees_include_all_final_legs_even_those_not_counted_as_volume() -> None:
    found = revenues(LEDGER)
    monday, empty = found[A, "day", date(2026, 11, 16)], found[A, "day", date(2026, 11, 17)]
    assert (monday["fee_usd"], monday["fee_source"]) == (Decimal("0.9"), "reported")  # 9 legs
    assert (monday["builder_fee_usd"], monday["arpu_usd"]) == (Decimal("0.09"), 0.09 / 4)
    assert monday["revenue_share"] == pytest.approx(0.09 / 0.99)
    assert monday["revenue_bps"] == pytest.approx(0.09 / 77 * 10_000)
    assert (empty["fee_usd"], empty["fee_source"], empty["arpu_usd"], empty["revenue_share"]) == (0, None, None, None)
    assert found["all_codes", "all", ALL]["fee_usd"] == Decimal("1.2")  # 12 legs


# --- ranks


def _served(code: str, day: int, hour: int, rank: int, shares: int, range_: str = "week") -> Row:
    at = WEEK[0] + timedelta(days=day, hours=hour)
    return row("core.builder_leaderboard", venue="polymarket", date=at.date(), observed_at=at, builder_code=code,
               range=range_, rank=rank, contracts=Decimal(shares), builder_name=code.upper(), active_users=shares,
               is_verified=True)  # fmt: skip


def test_configured_codes_are_ranked_by_our_fills_and_others_as_served() -> None:
    own = legs_of(LEDGER)
    volume = computed(VOLUME, {LEGS: own, "core.coverage": READ}, builder_codes=CODES)
    served = [
        _served(A, 0, 1, 1, 90), _served("0xgone", 0, 1, 2, 10),  # an older ranking of the same week
        _served(OTHER, 2, 1, 1, 30), _served(A, 2, 1, 2, 10),
        _served(OTHER, 9, 1, 1, 50),
    ]  # fmt: skip
    revenue = computed(REVENUE, {LEGS: own, VOLUME: volume})
    given_rows = {VOLUME: volume, REVENUE: revenue, "core.builder_leaderboard": served}
    found = computed(RANKS, given_rows, builder_codes=CODES)
    week = [r for r in found if (r["range"], r["range_start"]) == ("week", WEEK[0].date())]
    ours = [(r["builder_code"], r["rank"], r["volume_usd"], r["builder_name"]) for r in week
            if r["builder_scope"] == "configured"]  # fmt: skip
    assert ours == [(A, 1, Decimal("78.75"), "0XAA"), (B, 2, Decimal(7), None)]
    venue = [r for r in week if r["builder_scope"] == "venue_leaderboard"]
    assert [(r["builder_code"], r["rank"], r["contracts"], r["volume_usd"]) for r in venue] == [
        (A, 2, Decimal(10), None),
        (OTHER, 1, Decimal(30), None),
    ]
    assert [(r["is_configured"], r["volume_share"], r["users"]) for r in venue] == [(True, 0.25, 10), (False, 0.75, 30)]
    configured = {r["builder_code"]: r for r in week if r["builder_scope"] == "configured"}
    assert configured[A]["revenue_share"] == pytest.approx(11 / 12)
    assert configured[B]["volume_share"] == pytest.approx(14 / 159)  # in shares
    assert [r["builder_code"] for r in found if r["range_start"] == date(2026, 11, 23)] == [OTHER]
    assert not [r for r in found if r["venue"] == "kalshi"]


# --- against plain Python


def _start(name: str, day: date) -> date:
    return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1), "all": ALL}[name]


def recomputed(fills: Sequence[Row], codes: Sequence[str]) -> dict[tuple[str, date], tuple[Decimal, Decimal, set[str]]]:
    """Volume, fees and users by range of these codes together: match by match, leg by leg."""
    by_match: dict[object, list[Row]] = defaultdict(list)
    for fill in fills:
        if fill["builder_code"] in (A, B) and fill["status"] not in ("failed", "retrying"):
            by_match[(fill["transaction_hash"], fill["taker_order_id"]) if fill["taker_order_id"] else fill["fill_id"]
                     ].append(fill)  # fmt: skip
    found: dict[tuple[str, date], tuple[Decimal, Decimal, set[str]]] = {}
    for match in by_match.values():
        own = [f for f in match if f["builder_code"] in codes]
        if not own or not all(f["is_terminal"] for f in match):
            continue
        taken = [f for f in own if f["role"] == "taker"] or own
        for name in RANGES:
            key = (name, _start(name, min(f["event_at"] for f in match).date()))
            volume, fees, users = found.get(key, (Decimal(0), Decimal(0), set()))
            users = users | {f["maker"] for f in own if f["maker"] != EXCHANGE.lower()}
            volume += sum(f["notional_usd"] for f in taken)
            found[key] = (volume, fees + sum(f["fee_usd"] for f in own), users)
    return found


_LEGS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        match=st.sampled_from("abcdef"),
        role=st.sampled_from(["maker", "taker"]),
        notional=st.decimals("0.01", "5000000000", places=6),
        code=st.sampled_from([A, B, OTHER]),
        maker=st.sampled_from(["0x1", "0x2", "0x3", EXCHANGE.lower()]),
        status=st.sampled_from(["confirmed"] * 6 + ["failed", "retrying", "mined"]),
        hours=st.integers(0, 30 * 24),
        fee=st.decimals("0", "900", places=6),
    ),
    min_size=1,
    max_size=30,
)


def _ledger(drawn: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [
        leg(n, d["match"], None, role=d["role"], builder_code=d["code"], maker=d["maker"], status=d["status"],
            is_terminal=d["status"] in ("confirmed", "failed"), notional_usd=d["notional"], size=d["notional"] * 2,
            event_at=WEEK[0] + timedelta(hours=d["hours"]), fee_usd=d["fee"])
        for n, d in enumerate(drawn)
    ]  # fmt: skip


@settings(max_examples=8)
@given(_LEGS)
def test_volume_fees_and_users_equal_plain_python(drawn: Sequence[Mapping[str, Any]]) -> None:
    fills = _ledger(drawn)
    found = revenues(fills)
    for name, codes in ((A, [A]), (B, [B]), ("all_codes", [A, B])):
        expected = recomputed(fills, codes)
        mine = {(r, d): row_ for (code, r, d), row_ in found.items() if code == name and row_["volume_usd"]}
        assert {k: (v["volume_usd"], v["fee_usd"], v["users"]) for k, v in mine.items()} == {
            k: (volume, fees, len(users)) for k, (volume, fees, users) in expected.items()
        }


@settings(max_examples=5)
@given(_LEGS, st.randoms(use_true_random=False))
def test_volume_does_not_depend_on_how_legs_are_split_or_ordered(
    drawn: Sequence[Mapping[str, Any]], random: Any
) -> None:
    whole, split = _ledger(drawn), []
    for fill in whole:
        part = (fill["notional_usd"] * random.randint(0, 1000) / 1000).quantize(Decimal("1e-6"))
        for n, share in enumerate((part, fill["notional_usd"] - part)):
            if share:
                split.append({**fill, "fill_id": f"{fill['fill_id']}-{n}", "notional_usd": share, "size": share * 2})
    random.shuffle(split)
    kept = ("volume_usd", "contracts", "taker_volume_usd", "maker_volume_usd", "matches", "users", "open_volume_usd")
    before, after = volumes(whole), volumes(split)
    assert {k: [r[c] for c in kept] for k, r in before.items()} == {k: [r[c] for c in kept] for k, r in after.items()}


@settings(max_examples=5)
@given(_LEGS)
def test_volume_of_ranges_adds_up(drawn: Sequence[Mapping[str, Any]]) -> None:
    found = volumes(_ledger(drawn))
    sums: dict[tuple[str, str, date], Decimal] = defaultdict(Decimal)
    for (code, name, start), day in found.items():
        for wider in RANGES if name == "day" else ():
            sums[code, wider, _start(wider, start)] += day["volume_usd"] or 0
    assert {k: v["volume_usd"] or 0 for k, v in found.items()} == sums
