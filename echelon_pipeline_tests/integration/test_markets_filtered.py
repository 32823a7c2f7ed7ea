"""A page of the market overview: the same rows in the published file and in Postgres, in one stable order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as run_with
from hypothesis import strategies as st
from pydantic import SecretStr

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.postgres import publish_postgres
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.rows import Row, row, staged

pytestmark = pytest.mark.xdist_group("postgres")

TITLES = (
    "Rain in New York?",
    "100% of votes",
    "under_score",
    "it's a 'quote'; DROP TABLE x",
    "\\back\\slash",
    "Élections à Zürich",
    "İstanbul ΣΊΣΥΦΟΣ straße ẞ Ǆ",
    None,
)
VOLUMES = (Decimal("10.5"), None, Decimal(0), Decimal("10.5"), Decimal(999))
CATEGORIES = ("Politics", "Weather", "Other")
Page = list[tuple[str, Decimal | None]]


def overview(number: int) -> Row:
    title = TITLES[number % len(TITLES)]
    return row(
        "mart.market_overview",
        instrument_id=f"kalshi:I{number:03}",
        venue=("kalshi", "polymarket")[number % 2],
        title=title,
        display_name=title if title and number % 3 else f"Name {number}",
        category=CATEGORIES[number % len(CATEGORIES)],
        category_source="none",
        status=("active", "settled")[number // 2 % 2],
        volume_24h=VOLUMES[number % len(VOLUMES)],
        quality_flags=[],
        is_clean=True,
    )


ROWS = [overview(n) for n in range(60)]
FILTERS = ("category", "status", "venue", "search", "page_size", "after_volume", "after_id")


class Both:
    """Runs the same query in both databases."""

    def __init__(self, published: duckdb.DuckDBPyConnection, cursor: Any) -> None:
        self._published = published
        self._cursor = cursor

    def page(self, **filters: object) -> Page:
        """The result that both databases return."""
        given = {name: filters[name] for name in FILTERS if name in filters}
        ours = ", ".join(f"{name} := ${name}" for name in given)
        query = f"SELECT instrument_id, volume_24h FROM mart.markets_filtered({ours})"
        found = self._published.execute(query, given).fetchall()
        theirs = ", ".join(f"{name} => %({name})s" for name in given)
        self._cursor.execute(f"SELECT instrument_id, volume_24h FROM echelon.markets_filtered({theirs})", given)
        assert self._cursor.fetchall() == found
        return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Both]:
    home: Path = tmp_path_factory.mktemp("overview")
    settings = Settings(home=home, min_free_mb=0, postgres_url=SecretStr(postgres_server))
    Lake.of(settings).replace("mart.market_overview", staged(settings.scratch, "mart.market_overview", ROWS), None)
    publish(settings)
    publish_postgres(settings)
    with (
        read_published(settings.published_file) as published,
        closing(psycopg2.connect(postgres_server)) as connection,
        connection.cursor() as cursor,
    ):
        yield Both(published, cursor)


def ids(page: Page) -> list[str]:
    return [instrument for instrument, _ in page]


def test_without_arguments_it_returns_the_fifty_most_traded_markets(both: Both) -> None:
    by_volume = sorted(ROWS, key=lambda r: (r["volume_24h"] is None, -(r["volume_24h"] or 0), r["instrument_id"]))
    assert ids(both.page()) == [r["instrument_id"] for r in by_volume[:50]]
    assert ids(both.page(page_size=None)) == [r["instrument_id"] for r in by_volume]


@pytest.mark.parametrize(
    ("search", "titles"),
    [
        ("rain in NEW york", {"Rain in New York?"}),
        ("%", {"100% of votes"}),
        ("_", {"under_score"}),
        ("\\", {"\\back\\slash"}),
        ("'; drop", {"it's a 'quote'; DROP TABLE x"}),
        ("éLECTIONS À zÜ", {"Élections à Zürich"}),
        ("σίσυφοσ", {"İstanbul ΣΊΣΥΦΟΣ straße ẞ Ǆ"}),
        ("nothing has this", set()),
    ],
)
def test_search_matches_a_part_in_any_case_without_wildcards(both: Both, search: str, titles: set[str]) -> None:
    wanted = {r["instrument_id"] for r in ROWS if r["title"] in titles}
    assert set(ids(both.page(search=search, page_size=None))) == wanted


def test_search_also_matches_names_for_rows_without_a_title(both: Both) -> None:
    wanted = {r["instrument_id"] for r in ROWS if "name 1" in (r["display_name"] or "").lower()}
    assert {r["title"] for r in ROWS if r["instrument_id"] in wanted} >= {None}
    assert set(ids(both.page(search="NAME 1"))) == wanted


FILTER = {
    "category": st.none() | st.sampled_from(["Politics", "Weather", "Nothing", ""]),
    "status": st.none() | st.sampled_from(["active", "settled", "paused"]),
    "venue": st.none() | st.sampled_from(["kalshi", "polymarket"]),
    "search": st.none()
    | st.sampled_from([t.swapcase() for t in TITLES if t] + ["", "e", "Name"])
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
}
QUICK = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@run_with(max_examples=60, **QUICK)  # type: ignore[arg-type]
@given(filters=st.fixed_dictionaries(FILTER), page_size=st.integers(1, 25))
def test_pages_have_no_gap_and_no_overlap(both: Both, filters: dict[str, Any], page_size: int) -> None:
    everything = both.page(**filters, page_size=None)
    for name in ("category", "status", "venue"):
        if filters[name] is not None:
            kept = {r["instrument_id"] for r in ROWS if r[name] == filters[name]}
            assert set(ids(everything)) <= kept
    walked: Page = []
    cursor: dict[str, object] = {}
    while page := both.page(**filters, **cursor, page_size=page_size):
        assert len(page) <= page_size
        walked += page
        cursor = {"after_id": page[-1][0], "after_volume": page[-1][1]}
    assert walked == everything
