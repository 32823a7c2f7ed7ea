"""Reads a published file with the DuckDB of the environment that runs it, and prints what it saw as JSON.

Runs without this project and without other packages: ``python duckdb_client.py FILE``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import duckdb

ATTACHED = "SELECT count(*) FROM attached.core.trades"


def main() -> None:
    file = sys.argv[1]
    connection = duckdb.connect(file, read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    seen: dict[str, Any] = {"version": duckdb.__version__, "results": {}, "examples": {}, "errors": {}}
    seen["tables"] = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
    seen["comments"] = connection.execute(
        "SELECT count(*) FROM duckdb_columns() WHERE NOT internal AND comment IS NOT NULL"
    ).fetchall()[0][0]
    seen["functions"] = sorted(
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT schema_name || '.' || function_name FROM duckdb_functions() "
            "WHERE schema_name IN ('core', 'mart') AND NOT internal"
        ).fetchall()
    )
    for name, kind, example in connection.execute("SELECT name, kind, example FROM meta.catalog").fetchall():
        try:
            if "function" not in kind:
                seen["results"][name] = digest(connection, f"SELECT * FROM {name}")
                quoted = '"' + name + '"'
                assert digest(connection, f"SELECT * FROM {quoted}") == seen["results"][name], f"{quoted} differs"
                seen["examples"][name] = len(connection.execute(selected(connection, example)).fetchall())
            else:
                seen["results"][name] = digest(connection, example)
        except (duckdb.Error, AssertionError) as error:
            seen["errors"][name] = str(error)
    connection.close()
    seen["attached"] = attached(file)
    sys.stdout.write(json.dumps(seen))


def selected(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """The query with times as texts: older versions need another package to return them."""
    columns = []
    for name, kind, *_ in connection.execute(f"DESCRIBE {query}").fetchall():
        quoted = '"' + name.replace('"', '""') + '"'
        columns.append(f"CAST({quoted} AS VARCHAR)" if "TIME" in kind else quoted)
    return f"SELECT {', '.join(columns)} FROM ({query})"


def digest(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    """The number of rows and a hash of all values in any order; floats to nine digits, because sums of floats depend on
    their order."""
    rows = connection.execute(selected(connection, query)).fetchall()
    lines = sorted(json.dumps([plain(value) for value in row]) for row in rows)
    return [len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()]


def plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def attached(file: str) -> list[int]:
    """Trades in a session that attaches the file, and a function after USE."""
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{file}' AS attached (READ_ONLY)")
    trades = connection.execute(ATTACHED).fetchall()[0][0]
    connection.execute("USE attached")
    return [trades, len(connection.execute("SELECT 1 FROM mart.markets_filtered(page_size := 3)").fetchall())]


if __name__ == "__main__":
    main()
