"""Servers shared by the integration tests: sandboxes, a Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline_tests.pipeline import contents, ingest, settings_for
from echelon_pipeline_tests.postgres import server
from echelon_pipeline_tests.state_databases import ManualClock

SMALL = SandboxOptions(events=24, instruments=120, days=12, trades=6_000, seed=11)
# What a run costs is its number of steps and commits, more than its rows.
TINY = SandboxOptions(events=8, instruments=30, days=6, trades=1_000, seed=11)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    """A small synthetic universe of both venues on loopback, without faults."""
    with SandboxProcess(SMALL) as process:
        yield process


@dataclass(frozen=True)
class Ingested:
    """A home after one full ingest of ``SMALL``, and the contents of its tables then.

    A test that writes to it leaves the contents as they are, or works on a copy.
    """

    settings: Settings
    contents: dict[str, tuple[int, str]]


BACK = "3"


@pytest.fixture(scope="session")
def ingested(sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """Tests that use it are of the xdist group ``ingested``: they share one."""
    settings = settings_for(tmp_path_factory.mktemp("ingested") / "home", sandbox.env(), ECHELON_DAYS_BACK=BACK)
    ingest(settings)
    return Ingested(settings, contents(settings))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a Postgres server. Tests that use it are of the xdist group ``postgres``: they share one."""
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def state_dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty state database of either kind. Tests that use it are of the xdist group ``postgres``."""
    return _state_dsn(request, tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def state(state_dsn: str, clock: ManualClock) -> Iterator[State]:
    """An empty state database of either kind, whose clock stands still."""
    with State(state_dsn, clock=clock) as opened:
        yield opened


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def shared_dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same for tests of several processes, or of time that passes: on Postgres they are slow tests."""
    return _state_dsn(request, tmp_path)


def _state_dsn(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{folder / 'state.sqlite'}"
    url: str = request.getfixturevalue("database")
    return url


@pytest.fixture
def database(postgres_server: str) -> str:
    """URL of a database that holds nothing of other tests."""
    with closing(psycopg2.connect(postgres_server)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS echelon, public CASCADE")
            cursor.execute("CREATE SCHEMA public")
    return postgres_server
