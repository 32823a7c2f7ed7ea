"""State databases as older code made them, by migrations that were numbered by hand.

Belongs here: those statements, word for word, and rows that such a database had.
"""

from __future__ import annotations

import sqlalchemy as sa

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE leases (
            name VARCHAR(200) PRIMARY KEY, owner VARCHAR(200) NOT NULL, epoch BIGINT NOT NULL,
            expires_at DOUBLE PRECISION NOT NULL)""",
        """CREATE TABLE publications (
            path VARCHAR(1000) PRIMARY KEY, built_at DOUBLE PRECISION NOT NULL, versions TEXT NOT NULL)""",
    ),
    # Times of listeners are microseconds since 1970: they are compared with those of frames.
    (
        """CREATE TABLE listeners (
            name VARCHAR(200) PRIMARY KEY, venue VARCHAR(40) NOT NULL, filters TEXT NOT NULL,
            discover_every DOUBLE PRECISION NOT NULL, emit_every DOUBLE PRECISION NOT NULL, is_active BOOLEAN NOT NULL,
            created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)""",
        """CREATE TABLE listener_intents (
            listener VARCHAR(200) NOT NULL, instrument_id VARCHAR(400) NOT NULL, from_at BIGINT NOT NULL, to_at BIGINT,
            PRIMARY KEY (listener, instrument_id, from_at))""",
        """CREATE UNIQUE INDEX listener_intents_that_last ON listener_intents (listener, instrument_id)
            WHERE to_at IS NULL""",
        """CREATE TABLE listener_seeds (
            path VARCHAR(1000) PRIMARY KEY, sha256 VARCHAR(64) NOT NULL, loaded_at BIGINT NOT NULL)""",
    ),
    tuple(f"ALTER TABLE listeners ADD COLUMN {name} BOOLEAN NOT NULL DEFAULT FALSE" for name in ("own", "quotes")),
    (
        """CREATE TABLE run_heartbeats (
            run_id VARCHAR(200) PRIMARY KEY, host VARCHAR(400) NOT NULL, pid BIGINT NOT NULL,
            beat_at DOUBLE PRECISION NOT NULL)""",
    ),
    (
        "ALTER TABLE publications ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE publications ADD COLUMN fingerprint VARCHAR(100) NOT NULL DEFAULT ''",
        """CREATE TABLE rebuilt_tables (
            lake VARCHAR(1000) NOT NULL, name VARCHAR(200) NOT NULL, table_id VARCHAR(200) NOT NULL,
            version BIGINT NOT NULL, noted_at DOUBLE PRECISION NOT NULL, PRIMARY KEY (lake, name))""",
    ),
)

# By the migration that made their table.
ROWS: tuple[tuple[str, ...], ...] = (
    (
        "INSERT INTO leases (name, owner, epoch, expires_at) VALUES ('listener/fed', 'a-run', 7, 1795000000.5)",
        """INSERT INTO publications (path, built_at, versions)
            VALUES ('/a.duckdb', 1795000000.25, '{"core.trades": 3}')""",
    ),
    (
        """INSERT INTO listeners
                (name, venue, filters, discover_every, emit_every, is_active, created_at, updated_at)
            VALUES ('fed', 'kalshi', '{"most": 3}', 60.0, 1.0, TRUE, 5, 6)""",
        "INSERT INTO listener_intents VALUES ('fed', 'kalshi:A', 10, 20), ('fed', 'kalshi:A', 30, NULL)",
        "INSERT INTO listener_intents VALUES ('record', 'kalshi:A', 30, NULL), ('zed', 'kalshi:A', 40, NULL)",
        "INSERT INTO listener_seeds VALUES ('/listeners.yaml', 'abc', 9)",
    ),
    (),
    ("INSERT INTO run_heartbeats VALUES ('r', 'h', 42, 1795000000.75)",),
    ("INSERT INTO rebuilt_tables VALUES ('/lake', 'core.trades', 't', 8, 1795000000.0)",),
)


def make(connection: sa.Connection, number: int, *, rows: bool = True) -> None:
    """The database of code that knew so many migrations. Two of its listeners watch one instrument by mistake."""
    connection.execute(sa.text("CREATE TABLE migrations (version INTEGER PRIMARY KEY)"))
    for version, migration in enumerate(MIGRATIONS[:number], start=1):
        for text in (*migration, *(ROWS[version - 1] if rows else ())):
            connection.exec_driver_sql(text)
        connection.execute(sa.text(f"INSERT INTO migrations VALUES ({version})"))
