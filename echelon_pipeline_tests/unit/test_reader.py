"""Which statements readers of the published file may run, and the error while another program writes to it."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from echelon_pipeline.errors import Conflict, RefusedStatement
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish import catalog
from echelon_pipeline.publish.publications import kept_publications
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published, require_reading
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.rows import staged, trade


def _published(home: Path) -> Settings:
    """A home whose published tables are views over lake files."""
    settings = Settings(home=home, publish_every=0, min_free_mb=0)
    Lake.of(settings).merge("core.trades", [staged(settings.scratch / "unit", "core.trades", [trade(1)])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "PHYSICAL_BYTES", 0)
        publish(settings)
    return settings


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A shared home for tests that only read."""
    return _published(tmp_path_factory.mktemp("shared") / "home")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return _published(tmp_path / "home")


def test_the_published_file_and_its_copies_are_read_only(shared: Settings) -> None:
    for path in (shared.published_file, *kept_publications(shared.published_file)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o444


READING = (
    "SELECT count(*) FROM core.trades",
    "FROM core.trades",
    "WITH t AS (FROM core.trades) SELECT * FROM t;",
    "VALUES (1)",
    "DESCRIBE core.trades",
    "SHOW ALL TABLES",
    "SUMMARIZE core.trades",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "explain (FORMAT json) SELECT 1",
    "PIVOT core.trades ON venue",
    "-- a comment\nSELECT 'COPY x TO y; ATTACH'",
)


@pytest.mark.parametrize("text", READING)
def test_statements_that_read_are_allowed(shared: Settings, text: str) -> None:
    require_reading(text)
    with read_published(shared.published_file, locked=True) as connection:
        connection.execute(text).fetchall()


@pytest.mark.parametrize(
    "text",
    [
        "COPY core.trades TO '/tmp/x.csv'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.duckdb' AS x",
        "EXPORT DATABASE '/tmp/x'",
        "IMPORT DATABASE '/tmp/x'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET memory_limit = '1GB'",
        "SET VARIABLE lake = '/etc'",
        "RESET ALL",
        "CALL pragma_version()",
        "CREATE TEMP TABLE x AS SELECT 1",
        "CREATE MACRO x() AS 1",
        "DELETE FROM core.events",
        "INSERT INTO core.events SELECT * FROM core.events",
        "UPDATE core.events SET venue = 'x'",
        "DROP TABLE core.events",
        "BEGIN",
        "CHECKPOINT",
        "VACUUM",
        "USE memory",
        "PREPARE x AS SELECT 1",
        "EXPLAIN COPY (SELECT 1) TO '/tmp/x.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/x.csv'",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY (SELECT 1) TO '/tmp/x.csv'",
        "PIVOT core.trades ON venue; COPY (SELECT 1) TO '/tmp/x.csv'",
        "",
        "  -- nothing",
    ],
)
def test_all_other_statements_are_refused(text: str) -> None:
    with pytest.raises(RefusedStatement):
        require_reading(text)


@pytest.mark.parametrize(
    "text",
    [
        "FROM read_csv('{file}')",
        "FROM read_text('{file}')",
        "FROM read_blob('{file}')",
        "FROM sniff_csv('{file}')",
        "FROM '{parquet}'",
        "FROM read_parquet('{parquet}')",
        "FROM parquet_metadata('{parquet}')",
        "FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{file}'",
        "COPY (SELECT 1) TO '{lake}'",
        "EXPORT DATABASE '{file}'",
        "ATTACH '{file}' AS x",
        "INSTALL httpfs",
        "SET memory_limit = '1GB'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
    ],
)
def test_a_locked_connection_cannot_access_other_files(shared: Settings, tmp_path: Path, text: str) -> None:
    file, parquet = tmp_path / "other.csv", tmp_path / "other.parquet"
    file.write_text("a\n1\n")
    duckdb.connect().execute(f"COPY (SELECT 1 AS a) TO '{parquet}'")
    (lake,) = Lake.of(shared).files("core.trades")
    before = Path(lake).read_bytes()
    if "COPY" in text and "{lake}" in text:
        # DuckDB allows a connection to write to files that it may read: the statement type is refused instead.
        with pytest.raises(RefusedStatement):
            require_reading(text.format(file=file, parquet=parquet, lake=lake))
    else:
        with read_published(shared.published_file, locked=True) as connection, pytest.raises(duckdb.Error):
            connection.execute(text.format(file=file, parquet=parquet, lake=lake)).fetchall()
    assert Path(lake).read_bytes() == before
    assert file.read_text() == "a\n1\n"


def test_a_locked_connection_can_read_a_lake_that_was_moved(settings: Settings) -> None:
    moved = settings.home / "elsewhere"
    Path(settings.lake_root).rename(moved)
    with read_published(settings.published_file, lake=str(moved), locked=True) as connection:
        assert connection.execute("SELECT count(*) FROM core.trades").fetchall() == [(1,)]


def test_no_spill_file_is_written_beside_the_published_file(shared: Settings) -> None:
    with read_published(shared.published_file) as connection:
        rows = connection.execute("SELECT current_setting('temp_directory')").fetchall()
        folder = Path(rows[0][0])
        assert folder.is_dir()
        assert shared.home not in folder.parents
    assert not folder.exists()


def test_a_process_can_read_several_publications_at_once(settings: Settings) -> None:
    query = "SELECT max(sequence), current_database() FROM meta.publication"
    with read_published(settings.published_file) as first, read_published(settings.published_file, threads=1) as second:
        assert publish(settings, force=True) is not None
        with read_published(settings.published_file) as third:
            found = [c.execute(query).fetchall() for c in (first, second, third)]
    assert found == [[(1, "echelon")], [(1, "echelon")], [(2, "echelon")]]


HOLDER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
connection.execute("DELETE FROM meta.publication WHERE table_name = 'core.trades'")
connection.close()
"""


def test_a_client_that_has_the_file_open_for_writing_is_named_and_its_change_is_replaced(settings: Settings) -> None:
    path = settings.published_file
    mode = path.stat().st_mode
    path.chmod(0o644)  # like an older publication, or like a superuser, who can always write
    pipe = subprocess.PIPE
    client = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=pipe, stdout=pipe, text=True)
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdout.readline()
    path.chmod(mode)
    with pytest.raises(Conflict, match=f"is open for writing in process {client.pid}"), read_published(path):
        pass
    client.stdin.write("\n")
    client.stdin.close()
    assert client.wait() == 0
    client.stdout.close()
    with read_published(path) as connection:
        gone = "SELECT count(*) FROM meta.publication WHERE table_name = 'core.trades'"
        assert connection.execute(gone).fetchall() == [(0,)]
    assert publish(settings) is not None
    with read_published(path) as connection:
        assert connection.execute(gone).fetchall() == [(1,)]
    assert publish(settings) is None
    assert len(kept_publications(path)) == 1  # the changed file was a hard link to the previous copy


def test_a_client_with_the_file_open_does_not_block_a_publication(settings: Settings) -> None:
    path = settings.published_file
    client = subprocess.Popen(
        [sys.executable, "-c", HOLDER.replace("sys.argv[1]", "sys.argv[1], read_only=True"), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdout.readline()
    assert publish(settings, force=True) is not None
    client.stdin.close()
    client.stdout.close()
    client.wait()
