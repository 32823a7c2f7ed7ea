"""Servers shared by the integration tests: sandboxes, a Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from echelon_pipeline.sandbox.options import SandboxOptions
from echelon_pipeline.sandbox.process import SandboxProcess
from echelon_pipeline_tests.postgres import server

SMALL = SandboxOptions(events=24, instruments=120, days=12, trades=6_000, seed=11)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    """A small synthetic universe of both venues on loopback, without faults."""
    with SandboxProcess(SMALL) as process:
        yield process


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a Postgres server. Tests that use it are of the xdist group ``postgres``: they share one."""
    with server() as url:
        yield url


@pytest.fixture
def database(postgres_server: str) -> str:
    """URL of a database that holds nothing of other tests."""
    with closing(psycopg2.connect(postgres_server)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS echelon, public CASCADE")
            cursor.execute("CREATE SCHEMA public")
    return postgres_server
