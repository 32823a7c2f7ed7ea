"""Lists inside of records: one record that lacks the list, or has something else in its place, costs no other.

Belongs here: what ``--each`` makes of records that differ. Formats are ``test_bulk_files.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk import ImportReport
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.imported import home_in, load, rows_of

QUOTES = {"instrument": "ticker", "observed_at_epoch_s": "at", "best_bid": "bid"}
EACH = "current.outcomes"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def poll(number: int) -> dict[str, Any]:
    return {"at": 1785000000, "current": {"outcomes": [{"ticker": f"KXB-{number}", "bid": 0.1}]}}


def given(home: Settings, records: list[Any], **more: Any) -> ImportReport:
    path = home.home.parent / "polls.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return load(home, path, "quotes", QUOTES, **more)


def loaded(home: Settings) -> list[str]:
    return [row["instrument_id"] for row in rows_of(home, "core.instrument_quotes")]


WITHOUT: list[dict[str, Any]] = [
    {"current": {"outcomes": {}}},
    {"current": {"outcomes": {"ticker": "KXB-9", "a": 1, "b": 2}}},
    {"current": {"outcomes": "x"}},
    {"current": 7},
    {"current": [7]},
    {"current": None},
    {"current": {}},
    {"at": 7},
    {},
]


# Every kind in the middle, one kind at every place: DuckDB derives a column's type from the first records.
@pytest.mark.parametrize(("bad", "at"), [*((bad, 1) for bad in WITHOUT), (WITHOUT[0], 0), (WITHOUT[3], 0), ({}, 2)])
@pytest.mark.parametrize("each", [EACH, pytest.param(None, marks=pytest.mark.slow)])
def test_a_record_without_the_list_is_one_dead_letter(home: Settings, bad: Any, at: int, each: str | None) -> None:
    records = [poll(1), poll(2)]
    records.insert(at, bad)
    report = given(home, records, each=each)
    assert loaded(home) == ["kalshi:KXB-1", "kalshi:KXB-2"]
    assert report.reasons == {"there is no list current.outcomes": 1}
    (letter,) = rows_of(home, "core.dead_letters")
    assert (letter["path"], json.loads(letter["payload"])) == (f"$[{at}]", bad)


@pytest.mark.parametrize("bad", [7, "x", None, [], {}])
def test_a_member_that_is_no_object_is_one_dead_letter(home: Settings, bad: Any) -> None:
    record = poll(1)
    record["current"]["outcomes"].append(bad)
    report = given(home, [record, poll(2)], each=EACH)
    assert (loaded(home), report.dead_letters) == (["kalshi:KXB-1", "kalshi:KXB-2"], 1)
    (letter,) = rows_of(home, "core.dead_letters")
    assert letter["path"].startswith("$[0].current.outcomes[1]")


@pytest.mark.parametrize("bad", [7, "x", {}, {"markets": 7}, {"markets": {"ticker": "KXB-9"}}, {"markets": None}])
def test_a_member_without_the_list_inside_of_it_is_one_dead_letter(home: Settings, bad: Any) -> None:
    events = [{"markets": [{"ticker": f"KXB-{n}", "bid": 0.1}]} for n in (1, 2)]
    record = {"at": 1785000000, "events": [events[0], bad, events[1]]}
    report = given(home, [record], each="events.markets")
    assert loaded(home) == ["kalshi:KXB-1", "kalshi:KXB-2"]
    assert report.reasons == {"there is no list events.markets": 1}
    (letter,) = rows_of(home, "core.dead_letters")
    assert json.loads(letter["payload"])["events"] == bad


def test_a_list_that_no_record_has_is_an_error_of_the_file(home: Settings) -> None:
    with pytest.raises(BadImport, match=r"polls\.jsonl: there is no list current\.prices"):
        given(home, [poll(1)], each="current.prices")
    with pytest.raises(BadImport, match=r"polls\.jsonl: current is not a list"):
        given(home, [poll(1), {"current": 7}], each="current")


@pytest.mark.parametrize("odd", [{"a": 1}, [1]])
def test_a_value_that_one_record_has_as_an_object_or_a_list_costs_no_other(home: Settings, odd: Any) -> None:
    rows = [{"at": 1785000000, "ticker": f"KXB-{n}", "bid": 0.1} for n in (1, 2)]
    report = given(home, [rows[0], rows[0] | {"ticker": odd}, rows[1]])
    assert (loaded(home), report.dead_letters) == (["kalshi:KXB-1", "kalshi:KXB-2"], 1)
