"""The state database on Postgres: the same behaviour as on SQLite (``unit/test_state.py``)."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from echelon_pipeline.errors import Conflict, NewerLake
from echelon_pipeline.settings import load_settings
from echelon_pipeline.state.database import MIGRATIONS, State
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.tenure import Tenure

pytestmark = pytest.mark.xdist_group("postgres")
SPAWN = multiprocessing.get_context("spawn")


def asked(url: str, query: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall()) if cursor.description else []


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize("scheme", ["postgres://", "postgresql://", "postgresql+psycopg2://"])
def test_the_state_database_opens_on_every_usual_url(tmp_path: Path, database: str, scheme: str) -> None:
    url = database.replace("postgresql://", scheme)
    settings = load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_STATE_URL": url})
    with State.of(settings) as state:
        assert state.publications() == []
    assert not (tmp_path / "state.sqlite").exists()


def test_leases_keep_their_promises(database: str) -> None:
    clock = Clock()
    with State(database, clock=clock) as state:
        first = state.acquire("listener", "a", 10)
        assert first is not None
        assert (first.epoch, first.expires_at) == (1, clock.now + timedelta(seconds=10))
        assert state.acquire("listener", "b", 10) is None
        clock.now += timedelta(seconds=8)
        first = state.renew(first, 10)
        clock.now += timedelta(seconds=8)
        state.check(first)
        clock.now += timedelta(seconds=2)
        second = state.acquire("listener", "b", 10)
        assert second is not None
        assert second.epoch == 2
        with pytest.raises(Conflict, match="epoch 1 of a is over"):
            state.check(first)
        with pytest.raises(Conflict, match="taken over"):
            state.renew(first, 10)
        state.release(first)
        state.check(second)
        state.release(second)
        third = state.acquire("listener", "a", 10)
        assert third is not None
        assert third.epoch == 3


def take_in_turns(url: str, owner: str, results: multiprocessing.Queue[list[int]]) -> None:
    """Opens the database, which migrates it, and takes a lease ten times."""
    epochs: list[int] = []
    with State(url) as state:
        while len(epochs) < 10:
            lease = state.acquire("contended", owner, 60)
            if lease is not None:
                epochs.append(lease.epoch)
                state.release(lease)
    results.put(epochs)


def test_processes_that_open_it_at_once_migrate_it_once_and_never_share_an_epoch(database: str) -> None:
    results: multiprocessing.Queue[list[int]] = SPAWN.Queue()
    workers = [SPAWN.Process(target=take_in_turns, args=(database, f"w{n}", results)) for n in range(2)]
    for worker in workers:
        worker.start()
    epochs = [e for _ in workers for e in results.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert sorted(epochs) == list(range(1, 21))
    assert asked(database, "SELECT version FROM migrations") == [(n,) for n in range(1, len(MIGRATIONS) + 1)]


def test_a_database_of_newer_code_is_refused(database: str) -> None:
    State(database).close()
    asked(database, f"INSERT INTO migrations VALUES ({len(MIGRATIONS) + 1})")
    with pytest.raises(NewerLake, match="upgrade"):
        State(database)


def test_publications_are_noted_and_dropped_with_their_files(tmp_path: Path, database: str) -> None:
    at = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    old.touch()
    new.touch()
    with State(database) as state:
        state.record_publication(old, at, {"core.trades": 3, "core.fills": None})
        state.record_publication(old, at, {"core.trades": 4, "core.fills": None})
        assert [(p.path, p.built_at, p.versions["core.trades"]) for p in state.publications()] == [(old, at, 4)]
        old.unlink()
        state.record_publication(new, at, {})
        assert [p.path for p in state.publications()] == [new]


def test_the_url_of_the_state_database_stays_out_of_messages(tmp_path: Path) -> None:
    url = "postgresql://someone:hunter2@127.0.0.1:1/nowhere"
    settings = load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_STATE_URL": url})
    with pytest.raises(Exception, match="Connection refused") as caught:
        State.of(settings)
    assert "hunter2" not in repr(caught.value) + str(caught.value) + repr(settings)


def test_listeners_claim_what_no_other_watches_and_hand_on_their_shifts(database: str) -> None:
    with State(database) as state:
        listeners = Listeners(state)
        listeners.save(Listener(name="a", venue="kalshi"), Listener(name="b", venue="kalshi", series=("KXFED",)))
        assert listeners.get("b").series == ("KXFED",)
        assert listeners.claim("b", ["kalshi:A", "kalshi:B"]) == {"kalshi:A", "kalshi:B"}
        assert listeners.claim("a", ["kalshi:A", "kalshi:C"]) == {"kalshi:C"}
        listeners.activate("b", active=False)
        assert listeners.claim("b", ["kalshi:A"]) is None
        assert [(i["listener"], i["to_at"] is None) for i in listeners.exported()[1]] == [
            ("b", False),
            ("b", False),
            ("a", True),
        ]
        first = Tenure.begin(state, "a", "one", 30)
        assert first is not None
        assert first.hand_over(30)
        second = Tenure.begin(state, "a", "two", 30)
        assert second is not None
        assert second.is_overlapping()
        first.release()
        second.check()
        with pytest.raises(Conflict):
            first.check()
