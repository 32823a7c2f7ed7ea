"""State: one owner per lease, epochs that only grow, migrations that run once."""

from __future__ import annotations

import multiprocessing
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echelon_pipeline.errors import Conflict, NewerLake
from echelon_pipeline.state.database import MIGRATIONS, State

SPAWN = multiprocessing.get_context("spawn")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(folder: Path, clock: Clock) -> State:
    return State(f"sqlite:///{folder / 'state.sqlite'}", clock=clock)


def test_a_lease_has_one_owner_until_it_expires_and_each_owner_a_larger_epoch(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock) as state:
        first = state.acquire("listener", "a", 10)
        assert first is not None
        assert (first.epoch, first.expires_at) == (1, clock.now + timedelta(seconds=10))
        assert state.acquire("listener", "b", 10) is None
        clock.advance(10)
        second = state.acquire("listener", "b", 10)
        assert second is not None
        assert second.epoch == 2
        with pytest.raises(Conflict, match="epoch 1 of a is over"):
            state.check(first)
        with pytest.raises(Conflict, match="taken over"):
            state.renew(first, 10)
        state.release(first)
        state.check(second)


def test_a_renewed_lease_stays_and_a_released_one_is_free(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock) as state:
        lease = state.acquire("listener", "a", 10)
        assert lease is not None
        clock.advance(8)
        lease = state.renew(lease, 10)
        clock.advance(8)
        state.check(lease)
        assert state.acquire("listener", "b", 10) is None
        state.release(lease)
        taken = state.acquire("listener", "b", 10)
        assert taken is not None
        assert taken.epoch == lease.epoch + 1


def test_an_expired_lease_fails_its_check_and_may_be_renewed_while_nobody_took_it(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock) as state:
        lease = state.acquire("listener", "a", 10)
        assert lease is not None
        clock.advance(11)
        with pytest.raises(Conflict):
            state.check(lease)
        state.check(state.renew(lease, 10))


def test_a_restarted_owner_gets_a_new_epoch(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock) as state:
        epochs = [lease.epoch for _ in range(3) if (lease := state.acquire("listener", "a", 10))]
    assert epochs == [1, 2, 3]


def take_in_turns(folder: Path, owner: str, results: multiprocessing.Queue[list[int]]) -> None:
    with State(f"sqlite:///{folder / 'state.sqlite'}") as state:
        epochs: list[int] = []
        while len(epochs) < 20:
            lease = state.acquire("contended", owner, 60)
            if lease is not None:
                epochs.append(lease.epoch)
                state.release(lease)
    results.put(epochs)


def test_processes_never_share_an_epoch(tmp_path: Path) -> None:
    results = SPAWN.Queue()
    workers = [SPAWN.Process(target=take_in_turns, args=(tmp_path, f"w{n}", results)) for n in range(3)]
    for worker in workers:
        worker.start()
    epochs = [e for _ in workers for e in results.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert sorted(epochs) == list(range(1, 61))


def test_migrations_run_once_and_a_newer_database_is_refused(tmp_path: Path, clock: Clock) -> None:
    opened(tmp_path, clock).close()
    opened(tmp_path, clock).close()
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        versions = connection.execute("SELECT version FROM migrations ORDER BY version").fetchall()
        assert versions == [(n,) for n in range(1, len(MIGRATIONS) + 1)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.execute(f"INSERT INTO migrations VALUES ({len(MIGRATIONS) + 1})")
    connection.close()
    with pytest.raises(NewerLake, match="upgrade"):
        opened(tmp_path, clock)


def test_publications_are_noted_and_dropped_with_their_files(tmp_path: Path, clock: Clock) -> None:
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    old.touch()
    new.touch()
    with opened(tmp_path, clock) as state:
        state.record_publication(old, clock.now, {"core.trades": 3, "core.fills": None})
        assert state.publications()[0].versions == {"core.trades": 3, "core.fills": None}
        old.unlink()
        state.record_publication(new, clock.now + timedelta(seconds=1), {"core.trades": 4})
        assert [(p.path, p.built_at) for p in state.publications()] == [(new, clock.now + timedelta(seconds=1))]
