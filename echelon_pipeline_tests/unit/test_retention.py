"""Retention of raw: deletes only objects that are not needed, and only if the setting is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.raw import RawStore
from echelon_pipeline.lake.windows import Window, Windows
from echelon_pipeline.ops.maintain import MaintenanceReport, maintain
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.page import Page, RawObject

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", min_free_mb=0, now=NOW, raw_retention_days=10)


def serve(
    settings: Settings, days_ago: int, objects: dict[str, str], *, endpoint: str = "markets", derived: bool = True
) -> None:
    """Stores one listing; with an endpoint other than markets, one unit of a feed."""
    lake, at = Lake.of(settings), NOW - timedelta(days=days_ago)
    unit, listing = f"{at:%Y%m%dT%H%M%S}-{endpoint}", endpoint == "markets"
    store = RawStore(lake, venue="kalshi", unit_id=unit, parser_version=1, listing=listing)
    with store as raw:
        raw.add(Page(endpoint, "/x", 0, at, tuple(RawObject(text.encode(), key) for key, text in objects.items())))
    if listing:
        window = Window(
            venue="kalshi",
            table_name="raw.objects",
            scope="listings:full",
            from_at=at,
            to_at=at + timedelta(seconds=1),
            state="complete",
            unit_id=unit,
        )
        windows = [window]
        if derived:
            over = {**window.__dict__, "table_name": "core.instruments", "scope": f"listings:full/{unit}"}
            windows.append(Window(**{**over, "unit_id": f"{unit}-derived"}))
        Windows(lake).record(windows)


def held(settings: Settings) -> set[tuple[int, str | None, str]]:
    """(days ago, key, payload) of every raw object."""
    lake = Lake.of(settings)
    with lake.duck() as connection:
        rows = connection.execute(
            f"SELECT received_at, object_key, payload FROM ({lake.scan('raw.objects')})"
        ).fetchall()
    return {((NOW - at).days, key, payload) for at, key, payload in rows}


def raw_of(done: MaintenanceReport) -> tuple[int, int]:
    return done.raw_deleted, done.raw_forgotten


def test_without_the_setting_raw_is_never_deleted(settings: Settings) -> None:
    serve(settings, 4000, {"A": "1"}, endpoint="trades")
    assert raw_of(maintain(settings.model_copy(update={"raw_retention_days": 0}))) == (0, 0)
    assert held(settings) == {(4000, "A", "1")}


def test_objects_of_a_feed_are_deleted_after_the_retention(settings: Settings) -> None:
    for days_ago in (30, 11, 10, 1):
        serve(settings, days_ago, {"A": str(days_ago)}, endpoint="trades")
    assert raw_of(maintain(settings)) == (2, 0)
    assert held(settings) == {(10, "A", "10"), (1, "A", "1")}
    assert raw_of(maintain(settings)) == (0, 0)


def test_an_old_object_that_is_still_or_was_recently_served_is_kept(settings: Settings) -> None:
    serve(settings, 40, {"still": "1", "until lately": "1", "replaced long ago": "1", "gone": "1"})
    serve(settings, 30, {"still": "1", "until lately": "1", "replaced long ago": "2"})
    serve(settings, 2, {"still": "1", "until lately": "2", "replaced long ago": "2"})
    kept = {(40, "still", "1"), (40, "until lately", "1"), (30, "replaced long ago", "2"), (2, "until lately", "2")}
    assert raw_of(maintain(settings)) == (1, 1)
    assert held(settings) == {*kept, (40, "gone", "1")}
    assert raw_of(maintain(settings)) == (1, 0)
    assert held(settings) == kept


def test_a_deleted_object_that_is_served_again_is_stored_again(settings: Settings) -> None:
    serve(settings, 40, {"A": "1"})
    for _ in range(2):
        maintain(settings)
    assert held(settings) == set()
    serve(settings, 1, {"A": "1"})
    assert held(settings) == {(1, "A", "1")}


def test_an_object_that_is_served_again_before_its_deletion_is_kept(settings: Settings) -> None:
    serve(settings, 40, {"A": "1"})
    store = RawStore(Lake.of(settings), venue="kalshi", unit_id="20261120T-late", parser_version=1, listing=True)
    store.add(Page("markets", "/x", 0, NOW, (RawObject(b"1", "A"),)))
    store.flush()  # known: not stored again
    assert raw_of(maintain(settings)) == (0, 1)
    store.mark_seen()
    assert raw_of(maintain(settings)) == (0, 0)
    assert held(settings) == {(40, "A", "1")}


def test_a_listing_that_has_not_been_derived_is_kept(settings: Settings) -> None:
    serve(settings, 40, {"A": "1"}, derived=False)
    for _ in range(2):
        maintain(settings)
    assert held(settings) == {(40, "A", "1")}
