"""``mart.category_volume`` and ``mart.venue_volume``: every print is counted once in every grouping."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline_tests.marts import UNREAD_ROWS
from echelon_pipeline_tests.rows import DAY, Row, arrow, row

_COVERAGE: list[tuple[str, pa.DataType]] = [
    *((name, pa.string()) for name in ("venue", "table_name", "scope")),
    ("date", pa.date32()),
    ("complete_minutes", pa.float64()),
]
COVERAGE = pa.schema(_COVERAGE)
VOLUME, CATEGORIES = "mart.trade_volume", "core.ticker_categories"


def volume(instrument_id: str, contracts: Decimal = Decimal(2), **values: object) -> Row:
    made: Row = {"instrument_id": instrument_id, "venue": instrument_id.split(":")[0], "contracts": contracts}
    made |= {"taker_notional_usd": contracts / 2, "trades": 3, "identity": "strong", "is_complete": True}
    return row(VOLUME, **{**made, **values})


def category(instrument_id: str, name: str, **values: object) -> Row:
    return row(CATEGORIES, instrument_id=instrument_id, category=name, category_source="tag", **values)


def walked(venue: str, day: date = DAY, *, scope: str = "configured", minutes: float = 1440) -> Row:
    """A day of trades, walked for so many minutes."""
    return {"venue": venue, "table_name": "core.trades", "scope": scope, "date": day, "complete_minutes": minutes}


WALKED = [walked(v, DAY - timedelta(days=n)) for v in ("kalshi", "polymarket") for n in range(3)]


def lost(instrument_id: str | None, rows: int = 1, venue: str = "kalshi", day: date = DAY) -> Row:
    """Unread rows of trades."""
    made = {"venue": venue, "table_name": "core.trades", "instrument_id": instrument_id, "date": day}
    return {**made, "unread_rows": rows}


def views(
    volumes: Sequence[Row],
    categories: Sequence[Row],
    coverage: Sequence[Row] = WALKED,
    unread: Sequence[Row] = (),
) -> tuple[list[Row], list[Row]]:
    """Rows of category_volume and of venue_volume."""
    with connect(private=True) as connection:
        for schema in ("core", "mart"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for name, rows in (
            (VOLUME, arrow(VOLUME, volumes)),
            (CATEGORIES, arrow(CATEGORIES, categories)),
            ("core.coverage_daily", pa.Table.from_pylist(list(coverage), schema=COVERAGE)),
            ("core.unread_rows", pa.Table.from_pylist(list(unread), schema=UNREAD_ROWS)),
        ):
            connection.register("given_rows", rows)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given_rows")
        found = [
            connection.sql(statement(f"views/{name}").text).to_arrow_table().to_pylist()
            for name in ("category_volume", "venue_volume")
        ]
        return found[0], found[1]


def test_a_group_is_complete_if_all_its_rows_are_and_unknown_instruments_are_other() -> None:
    """An instrument that moved to another series has the one category that it has now."""
    volumes = [
        volume("kalshi:A"),
        volume("kalshi:B", Decimal(5), is_complete=False),
        volume("kalshi:C"),
        volume("polymarket:A", date=DAY - timedelta(days=2)),
    ]
    known = [category("kalshi:A", "Sports", series_id="kalshi:S2"), category("kalshi:B", "Sports")]
    by_category, by_venue = views(volumes, known)
    assert [(r["venue"], r["category"], r["contracts"], r["instruments"], r["is_complete"]) for r in by_category] == [
        ("kalshi", "Other", 2, 1, True),
        ("kalshi", "Sports", 7, 2, False),
        ("polymarket", "Other", 2, 1, True),
    ]
    assert [(r["venue"], r["date"], r["taker_notional_usd"], r["trades"], r["is_complete"]) for r in by_venue] == [
        ("kalshi", DAY, Decimal("4.5"), 9, False),
        ("polymarket", DAY - timedelta(days=2), 1, 3, True),
    ]


def test_every_total_names_its_scope() -> None:
    coverage = [walked("kalshi", scope="configured"), walked("polymarket", scope="all")]
    _, by_venue = views([volume("kalshi:A"), volume("polymarket:A")], [], coverage)
    assert [(r["venue"], r["scope"], r["covered_share"], r["is_complete"]) for r in by_venue] == [
        ("kalshi", "within_bounds", None, True),  # the venue gives no total to compare with
        ("polymarket", "venue", 1.0, True),
    ]


def test_a_whole_feed_is_complete_even_with_unknown_instruments_and_excludes_imports() -> None:
    combo = volume("kalshi:COMBO", is_complete=False)
    whole = [walked("kalshi", scope="all")]
    assert views([volume("kalshi:A"), combo], [], whole)[1][0]["is_complete"] is True
    assert views([volume("kalshi:A"), combo], [])[1][0]["incomplete_reason"] == "1 of 2 instruments are not complete"
    weak = volume("kalshi:B", is_complete=False, identity="weak")
    assert views([volume("kalshi:A"), weak], [], whole)[1][0]["is_complete"] is False


def test_every_total_shows_whether_it_includes_combos() -> None:
    """Combos are read with the whole feed only; a bounded total is without them and has no share of the venue."""
    combo = volume("kalshi:COMBO", is_complete=False)
    comments = ("scope", "covered_share", "is_complete", "contracts")
    for rows, coverage, expected in (
        ([volume("kalshi:A")], [walked("kalshi")], ("within_bounds", None, True, Decimal(2))),
        ([volume("kalshi:A"), combo], [walked("kalshi")], ("within_bounds", None, False, Decimal(4))),
        ([volume("kalshi:A"), combo], [walked("kalshi", scope="all")], ("venue", 1.0, True, Decimal(4))),
    ):
        for view in views(rows, [], coverage):
            assert tuple(view[0][name] for name in comments) == expected
    for name in ("venue_volume", "category_volume", "coverage_daily"):
        assert "scope" in statement(f"views/{name}").columns
    assert "without combos" in statement("views/venue_volume").columns["scope"]
    assert "without combos" in statement("views/coverage_daily").columns["scope"]


def test_a_total_over_unread_rows_is_not_complete_and_counts_them() -> None:
    volumes = [volume("kalshi:A"), volume("kalshi:B"), volume("polymarket:A")]
    known = [category("kalshi:A", "Sports"), category("kalshi:B", "Crypto")]
    own = [lost("kalshi:A", 3)]  # no row of A need be there for this: the day of the venue lacks them
    by_category, by_venue = views(volumes, known, unread=own)
    assert {r["category"]: r["incomplete_reason"] for r in by_category if r["venue"] == "kalshi"} == {
        "Sports": "3 rows could not be read",
        "Crypto": None,
    }
    assert [(r["venue"], r["is_complete"], r["unread_rows"]) for r in by_venue] == [
        ("kalshi", False, 3),
        ("polymarket", True, 0),
    ]
    by_category, _ = views(volumes, known, unread=[*own, lost(None)])
    assert {r["category"]: r["incomplete_reason"] for r in by_category if r["venue"] == "kalshi"} == {
        "Sports": "4 rows could not be read",
        "Crypto": "1 row could not be read",
    }


def test_a_day_not_read_to_its_end_has_no_complete_total() -> None:
    """Instruments without a trade have no row for it."""
    _, by_venue = views([volume("kalshi:A")], [], [walked("kalshi", minutes=700)])
    assert [(r["is_complete"], r["incomplete_reason"]) for r in by_venue] == [
        (False, "trades of the day were not read to its end")
    ]


def test_comments_of_volume_views_name_the_scope() -> None:
    for name in ("category_volume", "venue_volume"):
        comments = statement(f"views/{name}").columns
        assert {"scope", "covered_share", "is_complete", "incomplete_reason"} <= set(comments)
        assert "scope" in comments["is_complete"]


_ROWS = st.dictionaries(
    st.tuples(st.sampled_from(["kalshi:A", "kalshi:B", "polymarket:A", "polymarket:B"]), st.integers(0, 2)),
    st.decimals("0.01", "999999999.99", places=2),
)
_KNOWN = st.dictionaries(
    st.sampled_from(["kalshi:A", "kalshi:B", "polymarket:A"]), st.sampled_from(["Sports", "Other", "Crypto"])
)


@settings(max_examples=15)
@given(_ROWS, _KNOWN)
def test_sums_over_categories_and_venues_equal_the_sum_of_the_mart(
    contracts: dict[tuple[str, int], Decimal], known: dict[str, str]
) -> None:
    volumes = [volume(i, size, date=DAY - timedelta(days=n)) for (i, n), size in contracts.items()]
    by_category, by_venue = views(volumes, [category(i, name) for i, name in known.items()])
    for measure in ("contracts", "taker_notional_usd", "trades"):
        total = sum(r[measure] for r in volumes)
        assert sum(r[measure] for r in by_category) == sum(r[measure] for r in by_venue) == total
    assert sum(r["instruments"] for r in by_category) == len(volumes)
    assert len({(r["venue"], r["category"], r["date"]) for r in by_category}) == len(by_category)
