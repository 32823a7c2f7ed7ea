"""Dagster's records on Postgres: the shipped file, loaded, and a job run on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
import yaml

from echelon_pipeline.defs.assets.mirror import MIRROR
from echelon_pipeline.settings import load_settings
from echelon_pipeline_tests.loaded import job_of

pytestmark = pytest.mark.xdist_group("postgres")
ROOT = Path(__file__).resolve().parents[2]
DEPLOYED = ROOT / "docs" / "deploy" / "dagster.postgres.yaml"


@pytest.fixture
def instance(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance on the shipped file."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", with_driver(database))
    (tmp_path / "dagster.yaml").write_bytes(DEPLOYED.read_bytes())
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg2://")


def asked(url: str, query: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def test_only_the_storage_differs_from_the_file_for_one_machine() -> None:
    deployed = yaml.safe_load(DEPLOYED.read_text(encoding="utf-8"))
    assert deployed.pop("storage") == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    assert deployed == yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))


def test_a_job_runs_with_its_records_in_postgres_and_brings_the_mirror_up_to_date(
    tmp_path: Path, database: str, instance: dg.DagsterInstance
) -> None:
    home = {"ECHELON_HOME": str(tmp_path / "home"), "ECHELON_POSTGRES_URL": database, "ECHELON_MIN_FREE_MB": "0"}
    done = job_of("refresh", load_settings(home)).execute_in_process(instance=instance)
    assert done.success
    assert asked(database, "SELECT status, pipeline_name FROM runs") == [("SUCCESS", "refresh")]
    assert asked(database, "SELECT count(*) > 10 FROM event_logs") == [(True,)]
    event = instance.get_latest_materialization_event(MIRROR)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["tables_copied"].value == len(
        asked(database, "SELECT 1 FROM echelon.meta_publication")
    )
    assert not list((tmp_path).glob("**/*.db"))  # nothing in SQLite
