"""The state database in Postgres: the same leases, migrations and publications as in SQLite.

Belongs here: what could differ between the two. The rules themselves are in ``unit/test_state.py``.
"""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from echelon_pipeline.errors import Conflict, NewerLake
from echelon_pipeline.settings import load_settings
from echelon_pipeline.warehouse.state import MIGRATIONS, State

SPAWN = multiprocessing.get_context("spawn")
NOW = datetime(2026, 11, 20, tzinfo=UTC)


pytestmark = pytest.mark.xdist_group("postgres")


def take_in_turns(url: str, owner: str, results: multiprocessing.Queue[list[int]]) -> None:
    with State(url) as state:  # all of them find an empty database and migrate it
        epochs: list[int] = []
        while len(epochs) < 10:
            lease = state.acquire("contended", owner, 60)
            if lease is not None:
                epochs.append(lease.epoch)
                state.release(lease)
    results.put(epochs)


def test_processes_migrate_once_and_never_share_an_epoch(database: str) -> None:
    results = SPAWN.Queue()
    workers = [SPAWN.Process(target=take_in_turns, args=(database, f"w{n}", results)) for n in range(3)]
    for worker in workers:
        worker.start()
    epochs = [e for _ in workers for e in results.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert sorted(epochs) == list(range(1, 31))
    engine = sa.create_engine(sa.make_url(database).set(drivername="postgresql+psycopg2"))
    with engine.begin() as connection:
        versions = connection.execute(sa.text("SELECT version FROM migrations")).scalars().all()
    engine.dispose()
    assert versions == list(range(1, len(MIGRATIONS) + 1))


def test_leases_expire_change_hands_and_are_refused_afterwards(database: str) -> None:
    now = [NOW]
    with (
        State.of(load_settings({"ECHELON_STATE_URL": database})) as real,
        State(database, clock=lambda: now[0]) as state,
    ):
        first = state.acquire("listener", "a", 10)
        assert first is not None
        assert (first.epoch, first.expires_at) == (1, NOW + timedelta(seconds=10))
        assert state.acquire("listener", "b", 10) is None
        state.check(state.renew(first, 20))
        now[0] += timedelta(seconds=20)
        second = state.acquire("listener", "b", 10)
        assert second is not None
        assert second.epoch == 2
        for refused in (state.check, lambda lease: state.renew(lease, 1)):
            with pytest.raises(Conflict):
                refused(first)
        state.release(second)
        assert real.acquire("listener", "c", 10) is not None


def test_publications_are_noted_and_dropped_with_their_files(database: str, tmp_path: Path) -> None:
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    old.touch()
    new.touch()
    with State(database) as state:
        for _ in range(2):
            state.record_publication(old, NOW, {"core.trades": 3, "core.fills": None})
        assert [(p.path, p.versions) for p in state.publications()] == [(old, {"core.trades": 3, "core.fills": None})]
        old.unlink()
        state.record_publication(new, NOW + timedelta(seconds=1), {"core.trades": 4})
        assert [(p.path, p.built_at) for p in state.publications()] == [(new, NOW + timedelta(seconds=1))]


def test_a_database_of_newer_code_is_refused(database: str) -> None:
    State(database).close()
    engine = sa.create_engine(sa.make_url(database).set(drivername="postgresql+psycopg2"))
    newer = {"version": len(MIGRATIONS) + 1}
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO migrations VALUES (:version)"), newer)
    with pytest.raises(NewerLake, match="upgrade"):
        State(database)
    engine.dispose()
