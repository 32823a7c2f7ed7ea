"""The tables of the state database, as the code of today knows them.

Belongs here: columns, keys and indexes. How an older database gets them is ``migrations/``'s. A new column, table or
index is written here and in one migration; a test compares both.
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()
RECORD = "record"  # the name under which ``echelon record`` writes; no listener has it

# ``owner`` is empty after a release. The process that holds a lease is named by host, boot, pid and start.
LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("name", sa.String(1200), primary_key=True),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
    sa.Column("host", sa.String(400), nullable=False, server_default=""),
    sa.Column("boot", sa.String(200), nullable=False, server_default=""),
    sa.Column("pid", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("started", sa.String(40), nullable=False, server_default=""),
)

PUBLICATIONS = sa.Table(
    "publications",
    METADATA,
    sa.Column("path", sa.String(1000), primary_key=True),
    sa.Column("built_at", sa.Double, nullable=False),
    sa.Column("versions", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("fingerprint", sa.String(100), nullable=False, server_default=""),
)

# By key and destination. ``times``: raised since it was last sent; ``due_at``: the next attempt, NULL if none waits.
ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("key", sa.String(400), primary_key=True),
    sa.Column("destination", sa.String(40), primary_key=True),
    sa.Column("title", sa.String(400), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("severity", sa.String(20), nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("first_at", sa.Double, nullable=False),
    sa.Column("last_at", sa.Double, nullable=False),
    sa.Column("times", sa.BigInteger, nullable=False),
    sa.Column("sent_at", sa.Double),
    sa.Column("due_at", sa.Double),
    sa.Column("tries", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(400), nullable=False),
)

# Times of listeners are microseconds since 1970: they are compared with those of frames.
LISTENERS = sa.Table(
    "listeners",
    METADATA,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("venue", sa.String(40), nullable=False),
    sa.Column("filters", sa.Text, nullable=False),
    sa.Column("discover_every", sa.Double, nullable=False),
    sa.Column("emit_every", sa.Double, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("own", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("quotes", sa.Boolean, nullable=False, server_default=sa.false()),
)

# ``to_at`` is NULL while the listener still watches the instrument.
INTENTS = sa.Table(
    "listener_intents",
    METADATA,
    sa.Column("listener", sa.String(200), primary_key=True),
    sa.Column("instrument_id", sa.String(400), primary_key=True),
    sa.Column("from_at", sa.BigInteger, primary_key=True),
    sa.Column("to_at", sa.BigInteger),
)
_OPEN = INTENTS.c.to_at.is_(None)
_OPEN_OF_LISTENER = sa.and_(_OPEN, INTENTS.c.listener != RECORD)
sa.Index(
    "listener_intents_that_last",
    INTENTS.c.listener,
    INTENTS.c.instrument_id,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
# No instrument is watched by two listeners; what is recorded by hand may be anything.
sa.Index(
    "listener_intents_one_watcher",
    INTENTS.c.instrument_id,
    unique=True,
    sqlite_where=_OPEN_OF_LISTENER,
    postgresql_where=_OPEN_OF_LISTENER,
)

LISTENER_SEEDS = sa.Table(
    "listener_seeds",
    METADATA,
    sa.Column("path", sa.String(1000), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("loaded_at", sa.BigInteger, nullable=False),
)

RUN_HEARTBEATS = sa.Table(
    "run_heartbeats",
    METADATA,
    sa.Column("run_id", sa.String(200), primary_key=True),
    sa.Column("host", sa.String(400), nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("beat_at", sa.Double, nullable=False),
)

REBUILT_TABLES = sa.Table(
    "rebuilt_tables",
    METADATA,
    sa.Column("lake", sa.String(1000), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("table_id", sa.String(200), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("noted_at", sa.Double, nullable=False),
)

# Code from before the Alembic revisions refuses a database in which this has a larger number than it knows.
NUMBERED_MIGRATIONS = sa.Table("migrations", METADATA, sa.Column("version", sa.Integer, primary_key=True))
