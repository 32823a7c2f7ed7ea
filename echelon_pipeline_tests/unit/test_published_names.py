"""What an analyst finds in the published file without any documentation: names, comments, the catalogue."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from echelon_pipeline.commands.demo import first_query
from echelon_pipeline.publish.catalog import PublicationInfo, Source, fill
from echelon_pipeline.publish.macros import all_macros, needed, qualified
from echelon_pipeline.publish.reader import require_reading
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import NOON

# What DuckDB 2.0 stores in a form that older versions cannot read.
ONLY_SINCE_2 = re.compile(r'(?<![\w.])"?if"?\s*\(|\b(lead|lag)\s*\([^()]*,', re.IGNORECASE)


@pytest.fixture(scope="module")
def published() -> Iterator[duckdb.DuckDBPyConnection]:
    """A publication without rows, in a database without other macros."""
    sources = {t.name: Source(t, None) for t in TABLES.values() if t.published}
    with connect(private=True) as connection:
        connection.execute("ATTACH ':memory:' AS published")
        connection.execute("USE published")
        fill(connection, sources, PublicationInfo("/lake", NOON, stale={"mart.trade_volume": "it failed"}))
        yield connection


def names(connection: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    return {str(row[0]) for row in connection.execute(query).fetchall()}


RELATIONS = """
    SELECT table_schema || '.' || table_name FROM information_schema.tables
    WHERE table_catalog = 'published' AND table_schema IN ('core', 'mart', 'meta')
"""


def test_show_tables_shows_every_table_and_view_by_the_name_that_queries_use(
    published: duckdb.DuckDBPyConnection,
) -> None:
    shown = names(published, "SHOW TABLES")
    assert shown == names(published, RELATIONS)
    assert {"core.trades", "mart.venue_volume", "meta.catalog"} <= shown
    for name in shown:
        assert published.execute(f'DESCRIBE "{name}"').fetchall() == published.execute(f"DESCRIBE {name}").fetchall()


def test_every_table_view_column_and_function_has_a_comment(published: duckdb.DuckDBPyConnection) -> None:
    silent = names(
        published,
        """
        SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE comment IS NULL AND NOT internal
        UNION ALL
        SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE comment IS NULL AND NOT internal
        UNION ALL
        SELECT function_name FROM duckdb_functions()
        WHERE database_name = 'published' AND NOT internal AND coalesce(comment, '') = ''
        UNION ALL
        SELECT schema_name || '.' || table_name || '.' || column_name FROM duckdb_columns()
        WHERE database_name = 'published' AND NOT internal AND schema_name <> 'main' AND comment IS NULL
        UNION ALL
        SELECT name || '.' || column_name FROM meta.columns WHERE about = '' OR type = '"NULL"'
        """,
    )
    assert silent == set()


def test_functions_of_analysts_and_internal_macros_are_in_different_schemas(
    published: duckdb.DuckDBPyConnection,
) -> None:
    query = "SELECT function_name FROM duckdb_functions() WHERE database_name = 'published' AND schema_name"
    assert names(published, f"{query} = 'main'") == names(
        duckdb.connect(), query.replace("published", "memory") + "= 'main'"
    )
    assert names(published, f"{query} IN ('core', 'mart')") >= {"book_at", "books_every", "depth_within"}
    internal = names(published, f"{query} = 'internal'")
    assert "fits" in internal
    assert "as_number" not in internal  # only parsers call it


def test_the_catalog_describes_every_name_and_its_columns(published: duckdb.DuckDBPyConnection) -> None:
    functions = """
        SELECT DISTINCT schema_name || '.' || function_name FROM duckdb_functions()
        WHERE database_name = 'published' AND schema_name IN ('core', 'mart')
    """
    assert names(published, "SELECT name FROM meta.catalog") == names(published, RELATIONS) | names(
        published, functions
    )
    assert names(published, "SELECT name FROM meta.catalog WHERE about = '' OR grain = '' OR example = ''") == set()
    assert names(published, "SELECT name FROM meta.catalog WHERE kind LIKE '%function' AND arguments IS NULL") == set()
    described = names(published, "SELECT name || ' ' || column_name || ' ' || type FROM meta.columns")
    columns = names(
        published,
        "SELECT schema_name || '.' || table_name || ' ' || column_name || ' ' || data_type FROM duckdb_columns() "
        "WHERE database_name = 'published' AND schema_name IN ('core', 'mart', 'meta')",
    )
    assert columns <= described
    assert "core.book_at bid_prices DECIMAL(9,6)[]" in described
    unit = "SELECT unit FROM meta.columns WHERE name = 'core.trades' AND column_name = 'taker_notional_usd'"
    assert names(published, unit) == {"USD"}


def test_a_table_that_keeps_its_last_good_version_is_not_complete(published: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT is_complete, incomplete_reason FROM meta.catalog WHERE name = 'mart.trade_volume'"
    assert published.execute(query).fetchall() == [(False, "the last good version is kept: it failed")]


def test_every_example_fits_the_publication(published: duckdb.DuckDBPyConnection) -> None:
    for name, example in published.execute("SELECT name, example FROM meta.catalog").fetchall():
        assert name in example
        assert f"FROM {name}(CAST(NULL" not in example, f"write sql/examples/{name}.sql"
        published.execute(f"EXPLAIN {example}").fetchall()


def test_nothing_is_stored_in_a_form_that_duckdb_before_2_cannot_read(published: duckdb.DuckDBPyConnection) -> None:
    stored = published.execute(
        "SELECT sql FROM duckdb_views() WHERE NOT internal UNION ALL "
        "SELECT macro_definition FROM duckdb_functions() WHERE database_name = 'published' AND NOT internal"
    ).fetchall()
    assert len(stored) > 60
    assert [text for (text,) in stored if ONLY_SINCE_2.search(text)] == []
    assert ONLY_SINCE_2.search("SELECT if(a, b, c)")
    assert ONLY_SINCE_2.search("SELECT lead(a, 1, 0) OVER ()")


@pytest.mark.parametrize(
    ("program", "home", "begin"),
    [
        ("/usr/bin/echelon", None, ["/usr/bin/echelon", "sql"]),
        (".venv/bin/echelon", Path("a home"), ["ECHELON_HOME=a home", ".venv/bin/echelon", "sql"]),
        ("echelon", None, ["echelon", "sql"]),
    ],
)
def test_the_query_that_the_demo_shows_can_be_pasted(
    published: duckdb.DuckDBPyConnection, program: str, home: Path | None, begin: list[str]
) -> None:
    *command, query = shlex.split(first_query(program, home))
    assert command == begin
    require_reading(query)
    result = published.execute(query)
    assert [c[0] for c in result.description or ()] == ["market", "price", "chance", "change_1d", "volume_24h"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT fits(x)", "SELECT internal.fits(x)"),
        ("SELECT fits (fits(x))", "SELECT internal.fits (internal.fits(x))"),
        ("SELECT internal.fits(x)", "SELECT internal.fits(x)"),
        ("SELECT other.fits(x), fits, 'fits(x)', \"fits\"(x) -- fits(x)",) * 2,
        ("SELECT 'it''s fits(x)', benefits(x), fits_not(x)",) * 2,
    ],
)
def test_only_calls_of_macros_get_the_schema(text: str, expected: str) -> None:
    assert qualified(text, all_macros()) == expected


def test_macros_come_with_those_that_they_call() -> None:
    order = [macro.name for macro in needed(["SELECT as_list(x)"], all_macros())]
    assert order == ["mended_json", "as_json", "as_list"]
