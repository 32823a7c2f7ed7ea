"""The job that derives tables again: books from recorded segments, what its run reports, what it refuses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from echelon_pipeline.commands import rederive as command
from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.errors import BadSettings, CorruptStore, RunFailed
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.ops import launching
from echelon_pipeline.ops.launching import execute, run_books_job, run_rederive_job
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.streams.intents import intents_of
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline_tests.orchestration.conftest import Opened
from echelon_pipeline_tests.orchestration.test_books import record
from echelon_pipeline_tests.rows import staged, trade

BOOKS = "core.book_snapshots"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        {"ECHELON_HOME": str(tmp_path / "home"), "ECHELON_MIN_FREE_MB": "0", "ECHELON_START_DATE": "2026-11-01"}
    )


@pytest.fixture
def instance(opened: Opened, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with opened(tmp_path / "dagster") as made:
        yield made


@pytest.fixture
def recorded(settings: Settings, instance: dg.DagsterInstance) -> datetime:
    """An hour of books that is over, in the tables and published."""
    starts_at = record(settings, "1", hours_ago=2)
    run_books_job(build_defs, settings, instance=instance)
    publish(settings, force=True)
    return starts_at


def derived_again(settings: Settings, instance: dg.DagsterInstance, **config: Any) -> dict[str, Any]:
    return run_rederive_job(build_defs(settings), settings, config, instance=instance)


def books(settings: Settings) -> list[tuple[Any, ...]]:
    session = Session.of(settings)
    with session.duck() as connection:
        return connection.execute(f"SELECT * FROM ({session.lake.scan(BOOKS)}) ORDER BY ALL").fetchall()


def lose(settings: Settings, *folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder)


def folder(settings: Settings) -> Path:
    return settings.home / "lake" / "core" / "book_snapshots"


def test_books_that_were_lost_are_derived_again_and_published_without_more_ado(
    settings: Settings, instance: dg.DagsterInstance, recorded: datetime
) -> None:
    before = books(settings)
    lose(settings, folder(settings))
    done = derived_again(settings, instance, tables=[BOOKS])
    assert books(settings) == before != []
    assert done["gaps"] == []
    assert done["rows_staged"][BOOKS] == len(before)
    assert publish(settings, force=True) is not None, "the table that was made again is accepted as it is"


def test_a_named_table_that_cannot_be_derived_is_published_as_gone_and_a_lake_that_is_gone_never(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    lake = Lake.of(settings)
    lake.merge("core.trades", [staged(settings.scratch / "unit", "core.trades", [trade(1)])])
    publish(settings)
    lose(settings, Path(lake.uri("core.trades")))
    derived_again(settings, instance)
    with pytest.raises(CorruptStore, match=r"core\.trades has vanished"):
        publish(settings, force=True)
    for part in ({"first": "2026-11-18", "last": "2026-11-18"}, {"venues": ["kalshi"]}):
        derived_again(settings, instance, tables=["core.trades"], **part)
        with pytest.raises(CorruptStore, match=r"core\.trades has vanished"):  # windows of the rest claim lost rows
            publish(settings, force=True)
    derived_again(settings, instance, tables=["core.trades"])
    assert publish(settings, force=True) is not None


def test_days_that_could_not_be_derived_and_deleted_rows_are_named_also_if_the_marts_fail(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps = [["kalshi", "core.trades", "2026-11-18", 1, True]]
    done = {"rows_staged": {}, "rows_new": {}, "rows_changed": {}, "rows_deleted": 1_200, "gaps": gaps}
    monkeypatch.setattr(launching, "run_rederive_job", lambda *_: done)

    def failing(_: Settings) -> None:
        raise CorruptStore("a file is damaged")

    monkeypatch.setattr(command, "refresh_and_publish", failing)
    with pytest.raises(CorruptStore):
        command.rederive_tables(settings, {"tables": ["core.trades"]})
    printed = capsys.readouterr()
    assert "core.trades of kalshi: 1 day(s), 2026-11-18 to 2026-11-18" in printed.err
    assert "1,200 row(s) deleted" in printed.out


def test_an_unknown_table_is_refused_before_a_run_is_created(settings: Settings) -> None:
    with pytest.raises(BadSettings, match=r"core\.trade: expected tables among core\.series"):
        command.rederive_tables(settings, {"tables": ["core.trade"]})
    assert not (settings.home / "dagster").exists()


def test_books_whose_segments_are_gone_stay(
    settings: Settings, instance: dg.DagsterInstance, recorded: datetime
) -> None:
    before = books(settings)
    lose(settings, settings.capture_root)
    done = derived_again(settings, instance)
    assert books(settings) == before
    assert done["gaps"] == [["kalshi", BOOKS, str(recorded.date()), 1, False]]


def test_an_hour_that_lacks_a_segment_stays_while_it_has_rows_and_is_derived_from_the_rest_where_it_has_none(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    starts_at = record(settings, "1", hours_ago=2, frames=3)
    run_books_job(build_defs, settings, instance=instance)
    before = books(settings)
    sorted(settings.capture_root.rglob("*.arrow"))[1].unlink()
    gap = ["kalshi", BOOKS, str(starts_at.date()), 1]
    assert derived_again(settings, instance, tables=[BOOKS])["gaps"] == [[*gap, False]]
    assert books(settings) == before
    lose(settings, folder(settings))
    assert derived_again(settings, instance, tables=[BOOKS])["gaps"] == [[*gap, True]]
    assert books(settings) not in ([], before)


def test_an_hour_without_segments_and_rows_is_no_longer_claimed_and_not_derived_empty(
    settings: Settings, instance: dg.DagsterInstance, recorded: datetime
) -> None:
    lose(settings, folder(settings), settings.capture_root)
    for _ in range(2):
        done = derived_again(settings, instance, tables=[BOOKS], venues=["kalshi"])
        assert done["gaps"] == [["kalshi", BOOKS, str(recorded.date()), 1, True]]
    session = Session.of(settings)
    states = session.windows.states("kalshi", BOOKS, "hour")
    assert [state for begin, _, state in states if begin == recorded] == ["unavailable"]
    assert hours_due(session, "kalshi", intents_of(session, "kalshi"), datetime.now(UTC)) == []


def test_a_day_of_an_asset_is_derived_again_without_asking_the_venue(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object, **__: object) -> Counts:
        raise AssertionError("the venue is asked")

    monkeypatch.setattr(main, "trades", asked)
    job = build_defs(settings).resolve_job_def("daily")
    result = execute(
        job,
        settings,
        instance,
        tags={"dagster/partition": "2026-11-18"},
        selection=[dg.AssetKey(["core", "kalshi", "trades"])],
        config={"ops": {"core_kalshi_trades": {"config": {"again": True}}}},
    )
    assert result.success


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"tables": ["core.display_names"]}, "core.display_names: expected tables among core.series"),
        ({"venues": ["nasdaq"]}, "venue nasdaq: expected one of kalshi"),
        ({"first": "yesterday", "last": "2026-11-18"}, "expected two days like 2026-11-18"),
        ({"first": "2026-11-19", "last": "2026-11-18"}, "first 2026-11-19 is after last 2026-11-18"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(
    settings: Settings, instance: dg.DagsterInstance, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(RunFailed, match=said):
        derived_again(settings, instance, **config)
