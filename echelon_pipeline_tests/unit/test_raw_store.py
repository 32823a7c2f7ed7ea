"""The raw store: keeps every object as served and never stores an unchanged listed object twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.raw import RawStore
from echelon_pipeline.venues.page import Page, RawObject

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch")


def page(number: int, objects: dict[str, str] | list[tuple[str | None, str]], *, minutes: int = 0) -> Page:
    items = objects.items() if isinstance(objects, dict) else objects
    made = tuple(RawObject(text.encode(), key) for key, text in items)
    return Page("markets", "/markets?limit=2", number, START + timedelta(minutes=minutes), made)


def store(lake: Lake, unit: str, *, listing: bool = True, flush_objects: int = 20_000) -> RawStore:
    return RawStore(lake, venue="kalshi", unit_id=unit, parser_version=1, flush_objects=flush_objects, listing=listing)


def rows(lake: Lake, table: str, order: str) -> list[dict[str, Any]]:
    with lake.duck() as connection:
        found: list[dict[str, Any]] = (
            connection.sql(f"SELECT * FROM ({lake.scan(table)}) ORDER BY {order}").to_arrow_table().to_pylist()
        )
        return found


def test_every_object_is_stored_as_served(lake: Lake) -> None:
    text = '{"a": 1.50, "ä": "\\u20ac"}'
    with store(lake, "u1", listing=False, flush_objects=2) as raw:
        raw.add(page(0, {"A": text, "B": "{}"}))
        raw.add(page(1, [(None, "[]"), ("A", text)]))
    found = rows(lake, "raw.objects", "page, position")
    assert [(r["page"], r["position"], r["object_key"], r["payload"]) for r in found] == [
        (0, 0, "A", text),
        (0, 1, "B", "{}"),
        (1, 0, None, "[]"),
        (1, 1, "A", text),
    ]
    assert found[0]["sha256"] == RawObject(text.encode()).sha256
    assert (raw.pages, raw.objects, raw.stored, raw.unchanged) == (2, 4, 4, 0)
    assert lake.version("raw.last_seen") is None


def test_an_unchanged_listed_object_only_moves_last_seen(lake: Lake) -> None:
    with store(lake, "u1") as raw:
        raw.add(page(0, {"A": "1", "B": "1"}))
    with store(lake, "u2") as raw:
        raw.add(page(0, {"A": "1", "B": "2"}, minutes=5))
    assert (raw.objects, raw.stored, raw.unchanged) == (2, 1, 1)
    assert [(r["unit_id"], r["object_key"], r["payload"]) for r in rows(lake, "raw.objects", "unit_id, position")] == [
        ("u1", "A", "1"),
        ("u1", "B", "1"),
        ("u2", "B", "2"),
    ]
    later = START + timedelta(minutes=5)
    assert [(r["object_key"], r["first_seen_at"], r["last_seen_at"]) for r in rows(lake, "raw.last_seen", "2, 4")] == [
        ("A", START, later),
        ("B", later, later),
    ]


@pytest.mark.parametrize("flush_objects", [1, 20_000])
def test_a_payload_that_is_served_again_after_another_is_stored_again(lake: Lake, flush_objects: int) -> None:
    with store(lake, "u1", flush_objects=flush_objects) as raw:
        for number, text in enumerate(["1", "1", "2", "2", "1"]):
            raw.add(page(number, {"A": text}, minutes=number))
    assert [r["page"] for r in rows(lake, "raw.objects", "page")] == [0, 2, 4]
    (seen,) = rows(lake, "raw.last_seen", "1")
    assert seen["last_seen_at"] == START + timedelta(minutes=4)


def test_objects_without_a_key_are_always_stored(lake: Lake) -> None:
    with store(lake, "u1") as raw:
        raw.add(page(0, [(None, "1"), (None, "1")]))
    assert (raw.stored, raw.unchanged) == (2, 0)


def test_a_failed_unit_keeps_its_objects_and_the_next_unit_stores_them_again(lake: Lake) -> None:
    raw = store(lake, "u1")
    raw.__enter__()
    raw.add(page(0, {"A": "1"}))
    raw.__exit__(ConnectionError, ConnectionError(), None)
    assert lake.version("raw.last_seen") is None
    with store(lake, "u2") as raw:
        raw.add(page(0, {"A": "1"}))
    assert [r["unit_id"] for r in rows(lake, "raw.objects", "unit_id")] == ["u1", "u2"]


def test_seen_objects_can_be_queried_before_the_unit_ends(lake: Lake) -> None:
    raw = store(lake, "u1")
    with lake.duck() as connection:
        assert connection.execute(raw.seen_relation()).fetchall() == []
        raw.add(page(0, [("A", "1"), (None, "2")]))
        raw.flush()
        keys = connection.execute(f"SELECT object_key FROM ({raw.seen_relation()})").fetchall()
    assert keys == [("A",)]


def test_a_unit_leaves_no_scratch_files(lake: Lake) -> None:
    with store(lake, "u1") as raw:
        raw.add(page(0, {"A": "1"}))
    assert [p for p in lake.scratch.rglob("*") if p.is_file()] == []
