"""The state database, on SQLite and on Postgres: it opens, older ones are brought up and back, newer ones refused."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from echelon_pipeline.errors import CorruptStore, DatabaseRefused, DatabaseUnavailable, NewerLake
from echelon_pipeline.settings import load_settings
from echelon_pipeline.state import database as module
from echelon_pipeline.state import schema
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.publications import publications, record_publication
from echelon_pipeline.state.tables import METADATA
from echelon_pipeline_tests import numbered_migrations

pytestmark = pytest.mark.xdist_group("postgres")
SPAWN = multiprocessing.get_context("spawn")
AT = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
NUMBERS = range(1, len(numbered_migrations.MIGRATIONS) + 1)


@contextmanager
def raw(dsn: str) -> Iterator[sa.Connection]:
    """A transaction that knows nothing of State."""
    engine = sa.create_engine(dsn.replace("postgresql://", "postgresql+psycopg2://"))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def differences(connection: sa.Connection) -> list[object]:
    """Where a database differs from the tables of the code. On SQLite types are affinities, and keys of old tables may
    be NULL (they never are)."""
    found = compare_metadata(MigrationContext.configure(connection), METADATA)
    if connection.dialect.name == "sqlite":
        return [d for d in found if isinstance(d, tuple) or d[0][0] not in ("modify_type", "modify_nullable")]
    return list(found)


def columns(connection: sa.Connection) -> dict[str, list[tuple[str, str, bool]]]:
    """By table, but for the one of revisions, its columns with types and whether they may be NULL, by name."""
    found = sa.inspect(connection)
    return {
        name: sorted((c["name"], str(c["type"]), bool(c["nullable"])) for c in found.get_columns(name))
        for name in found.get_table_names()
        if name != "alembic_version"
    }


@pytest.mark.parametrize("scheme", ["postgres://", "postgresql://", "postgresql+psycopg2://"])
def test_the_state_database_opens_on_every_usual_url(tmp_path: Path, database: str, scheme: str) -> None:
    url = database.replace("postgresql://", scheme)
    settings = load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_STATE_URL": url})
    with State.of(settings) as state:
        assert publications(state) == []
    assert not (tmp_path / "state.sqlite").exists()


def test_the_url_of_the_state_database_stays_out_of_messages(tmp_path: Path) -> None:
    url = "postgresql://someone:hunter2@127.0.0.1:1/nowhere"
    settings = load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_STATE_URL": url})
    with pytest.raises(Exception, match="Connection refused") as caught:
        State.of(settings)
    assert "hunter2" not in repr(caught.value) + str(caught.value) + repr(settings)


def test_migrations_make_the_tables_that_the_code_knows_and_open_twice(state_dsn: str) -> None:
    State(state_dsn).close()
    State(state_dsn).close()
    with raw(state_dsn) as connection:
        assert differences(connection) == []
        assert schema.revision_of(connection) == schema.HEAD
    assert ScriptDirectory(str(Path(schema.__file__).with_name("migrations"))).get_heads() == [schema.HEAD]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_database_with_numbered_migrations_is_brought_up_with_all_its_rows(state_dsn: str, number: int) -> None:
    with raw(state_dsn) as connection:
        numbered_migrations.make(connection, number)
    with State(state_dsn) as state:
        lease = Leases(state).last("listener/fed")
        assert lease is not None
        assert (lease.owner, lease.epoch, lease.expires_at.timestamp()) == ("a-run", 7, 1795000000.5)
        assert [(str(p.path), p.versions, p.sequence) for p in publications(state)] == [
            ("/a.duckdb", {"core.trades": 3}, 0)
        ]
        if number >= 2:
            assert Listeners(state).get("fed") == Listener(name="fed", venue="kalshi", most=3, discover_every=60)
            watched = [(i["listener"], i["from_at"].microsecond, i["to_at"]) for i in Listeners(state).exported()[1]]
            assert [w for w in watched if w[2] is None] == [("fed", 30, None), ("record", 30, None)]
            assert len(watched) == 4
    with raw(state_dsn) as connection:
        assert differences(connection) == []
        numbers = connection.execute(sa.text("SELECT version FROM migrations ORDER BY version")).scalars().all()
        assert numbers == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("number", [0, *NUMBERS])
def test_every_revision_goes_back_to_what_was_before_and_forward_again(
    state_dsn: str, tmp_path: Path, number: int
) -> None:
    """Back at a numbered migration, the code of that time can open the database: its tables are the same."""
    with raw(state_dsn) as connection:
        numbered_migrations.make(connection, 5)
        schema.migrate(connection)
        kept = [tuple(row) for row in connection.execute(sa.text("SELECT name, owner, epoch, expires_at FROM leases"))]
        schema.migrate(connection, f"{number:04}" if number else "base")
        found = columns(connection)
        rows = (
            [tuple(row) for row in connection.execute(sa.text("SELECT name, owner, epoch, expires_at FROM leases"))]
            if number
            else kept
        )
        if number:
            newest = connection.execute(sa.text("SELECT max(version) FROM migrations")).scalar_one()
            assert newest == number
        for table in reversed(found):
            connection.execute(sa.text(f"DROP TABLE {table}"))
        connection.execute(sa.text("DROP TABLE alembic_version"))
        if number:
            numbered_migrations.make(connection, number, rows=False)
        assert found == columns(connection)
    assert rows == kept
    State(state_dsn).close()


def test_a_migration_that_fails_changes_nothing(state_dsn: str) -> None:
    with raw(state_dsn) as connection:
        numbered_migrations.make(connection, 5)
        connection.execute(sa.text("CREATE TABLE rows_of_an_index (n INTEGER)"))
        connection.execute(sa.text("CREATE INDEX listener_intents_one_watcher ON rows_of_an_index (n)"))
        before = columns(connection)
    with pytest.raises((CorruptStore, DatabaseRefused), match=r"listener_intents_one_watcher.* already exists"):
        State(state_dsn)
    with raw(state_dsn) as connection:
        assert columns(connection) == before
        assert schema.revision_of(connection) == "0005"
        connection.execute(sa.text("DROP TABLE rows_of_an_index"))
    State(state_dsn).close()


def test_a_database_of_newer_code_is_refused(state_dsn: str) -> None:
    State(state_dsn).close()
    with raw(state_dsn) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerLake, match=f"revision 9999, this code knows up to {schema.HEAD}: upgrade"):
        State(state_dsn)
    with raw(state_dsn) as connection:
        connection.execute(sa.text("DROP TABLE alembic_version"))
    with pytest.raises(NewerLake, match="migration 6, this code knows 5: upgrade"):
        State(state_dsn)


def take_in_turns(dsn: str, begin: float, owner: str, results: multiprocessing.Queue[list[int]]) -> None:
    """Opens the database, at the same time as others, and takes a lease ten times."""
    time.sleep(max(0.0, begin - time.time()))
    epochs: list[int] = []
    with State(dsn) as state:
        leases = Leases(state)
        while len(epochs) < 10:
            lease = leases.acquire("contended", owner, 60)
            if lease is not None:
                epochs.append(lease.epoch)
                leases.release(lease)
    results.put(epochs)


def test_processes_that_open_a_new_database_at_once_migrate_it_once_and_never_share_an_epoch(shared_dsn: str) -> None:
    results: multiprocessing.Queue[list[int]] = SPAWN.Queue()
    begin = time.time() + 1.5
    workers = [SPAWN.Process(target=take_in_turns, args=(shared_dsn, begin, f"w{n}", results)) for n in range(3)]
    for worker in workers:
        worker.start()
    epochs = [epoch for _ in workers for epoch in results.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert sorted(epochs) == list(range(1, 31))


def test_a_reader_does_not_wait_for_a_writer(state_dsn: str) -> None:
    with State(state_dsn) as one, State(state_dsn) as two:
        began = time.monotonic()
        with one.begin() as connection:
            connection.execute(sa.text("INSERT INTO run_heartbeats VALUES ('r', 'h', 1, 1.0)"))
            with two.read() as other:
                assert other.execute(sa.text("SELECT count(*) FROM run_heartbeats")).scalar_one() == 0
    assert time.monotonic() - began < 5


def test_a_commit_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    with State(f"sqlite:///{tmp_path / 'state.sqlite'}") as state, state.read() as connection:
        found = [connection.execute(sa.text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]


def test_a_writer_waits_for_another_and_says_so_where_that_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.6)
    dsn = f"sqlite:///{tmp_path / 'state.sqlite'}"
    with State(dsn) as one, State(dsn) as two:
        with one.begin(), pytest.raises(DatabaseUnavailable, match="locked"), two.begin():
            pytest.fail("two writers at once")
        with two.begin() as connection:
            connection.execute(sa.text("INSERT INTO run_heartbeats VALUES ('r', 'h', 1, 1.0)"))


WAITER = """
import sys
from echelon_pipeline import stopping
from echelon_pipeline.state.database import State
with stopping.handling_signals(), State(sys.argv[1]) as state:
    print("waits", flush=True)
    with state.begin():
        print("wrote", flush=True)
"""


def test_a_signal_ends_the_wait_for_another_writer(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'state.sqlite'}"
    with State(dsn) as state, state.begin():
        process = subprocess.Popen([sys.executable, "-c", WAITER, dsn], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"waits\n"
        time.sleep(0.5)
        began = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert time.monotonic() - began < 2.5
    assert b"Interrupted" in err
    assert b"wrote" not in out


def test_publications_are_noted_and_dropped_with_their_files(tmp_path: Path, state_dsn: str) -> None:
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    old.touch()
    new.touch()
    with State(state_dsn) as state:
        record_publication(state, old, AT, {"core.trades": 3, "core.fills": None})
        record_publication(state, old, AT, {"core.trades": 4, "core.fills": None})
        [noted] = publications(state)
        assert (noted.path, noted.built_at, noted.versions) == (old, AT, {"core.trades": 4, "core.fills": None})
        old.unlink()
        record_publication(state, new, AT + timedelta(seconds=1), {})
        assert [(p.path, p.built_at) for p in publications(state)] == [(new, AT + timedelta(seconds=1))]
        elsewhere = tmp_path / "of another machine" / "echelon.duckdb"
        record_publication(state, elsewhere, AT, {})
        record_publication(state, new, AT, {})
        assert {p.path for p in publications(state)} == {new, elsewhere}
