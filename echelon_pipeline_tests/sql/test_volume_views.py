"""``mart.category_volume`` and ``mart.venue_volume``: whatever is grouped by, every print is counted once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.sqlfiles import statement
from echelon_pipeline.warehouse.duck import connect
from echelon_pipeline_tests.rows import DAY, Row, arrow, row

VOLUME, CATEGORIES = "mart.trade_volume", "core.ticker_categories"


def volume(instrument_id: str, contracts: Decimal = Decimal(2), **values: object) -> Row:
    made: Row = {"instrument_id": instrument_id, "venue": instrument_id.split(":")[0], "contracts": contracts}
    made |= {"taker_notional_usd": contracts / 2, "trades": 3, "identity": "strong", "is_complete": True}
    return row(VOLUME, **{**made, **values})


def category(instrument_id: str, name: str, **values: object) -> Row:
    return row(CATEGORIES, instrument_id=instrument_id, category=name, category_source="tag", **values)


def views(volumes: Sequence[Row], categories: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows of category_volume and of venue_volume."""
    with connect(private=True) as connection:
        for name, rows in ((VOLUME, volumes), (CATEGORIES, categories)):
            connection.register("given_rows", arrow(name, rows))
            connection.execute(f"CREATE SCHEMA {name.split('.')[0]}")
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given_rows")
        found = [
            connection.sql(statement(f"views/{name}").text).to_arrow_table().to_pylist()
            for name in ("category_volume", "venue_volume")
        ]
        return found[0], found[1]


def test_a_group_is_complete_where_all_of_its_rows_are_and_unknown_instruments_are_other() -> None:
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


_ROWS = st.dictionaries(
    st.tuples(st.sampled_from(["kalshi:A", "kalshi:B", "polymarket:A", "polymarket:B"]), st.integers(0, 2)),
    st.decimals("0.01", "999999999.99", places=2),
)
_KNOWN = st.dictionaries(
    st.sampled_from(["kalshi:A", "kalshi:B", "polymarket:A"]), st.sampled_from(["Sports", "Other", "Crypto"])
)


@settings(max_examples=15, deadline=None)
@given(_ROWS, _KNOWN)
def test_sums_over_categories_are_sums_over_venues_are_the_sum_of_the_mart(
    contracts: dict[tuple[str, int], Decimal], known: dict[str, str]
) -> None:
    volumes = [volume(i, size, date=DAY - timedelta(days=n)) for (i, n), size in contracts.items()]
    by_category, by_venue = views(volumes, [category(i, name) for i, name in known.items()])
    for measure in ("contracts", "taker_notional_usd", "trades"):
        total = sum(r[measure] for r in volumes)
        assert sum(r[measure] for r in by_category) == sum(r[measure] for r in by_venue) == total
    assert sum(r["instruments"] for r in by_category) == len(volumes)
    assert len({(r["venue"], r["category"], r["date"]) for r in by_category}) == len(by_category)
