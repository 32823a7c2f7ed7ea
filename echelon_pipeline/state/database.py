"""Small mutable state: leases with fencing epochs, which publications were made, listeners (``listeners.py``).

Belongs here: everything that is changed in place. SQLite (WAL) in ECHELON_HOME, or Postgres, by one URL.
The schema moves forward by numbered migrations, each applied once, in one transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from echelon_pipeline.errors import BadSettings, Conflict, CorruptStore, NewerLake
from echelon_pipeline.settings import STATE_FILE, Settings
from echelon_pipeline.settings.urls import STATE, check_url
from echelon_pipeline.state.faults import file_fault, is_sqlite, server_fault

# Each entry is one version: statements that run on SQLite and Postgres alike. Only ever append.
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

# One statement, so that of two processes exactly one gets the lease.
_ACQUIRE = """
    INSERT INTO leases (name, owner, epoch, expires_at) VALUES (:name, :owner, 1, :expires_at)
    ON CONFLICT (name) DO UPDATE
        SET owner = excluded.owner, epoch = leases.epoch + 1, expires_at = excluded.expires_at
        WHERE leases.expires_at <= :now OR leases.owner = excluded.owner
    RETURNING epoch
"""
_RENEW = "UPDATE leases SET expires_at = :expires_at WHERE name = :name AND owner = :owner AND epoch = :epoch"
_HOLDS = "SELECT 1 FROM leases WHERE name = :name AND owner = :owner AND epoch = :epoch AND expires_at > :now"
_PUBLISHED = """
    INSERT INTO publications (path, built_at, versions, sequence, fingerprint)
    VALUES (:path, :built_at, :versions, :sequence, :fingerprint)
    ON CONFLICT (path) DO UPDATE
        SET built_at = excluded.built_at, versions = excluded.versions, sequence = excluded.sequence,
            fingerprint = excluded.fingerprint
"""
_DAMAGED = "Restore it from a backup, or move it away: listeners have to be added again, the lake does not depend on it"
_MIGRATION_LOCK = 7_205_759  # any number, as long as nobody else of this database uses it


@dataclass(frozen=True)
class Lease:
    """A right that one owner holds until ``expires_at``. Each new holder gets a larger ``epoch``: what is
    written under a lease carries its epoch, and a smaller one than the last seen is refused."""

    name: str
    owner: str
    epoch: int
    expires_at: datetime


@dataclass(frozen=True)
class PublicationRow:
    """A publication as recorded: the kept copy, when it was built, lake version by table, its number, and what its
    file looked like when it was published."""

    path: Path
    built_at: datetime
    versions: dict[str, int | None]
    sequence: int = 0
    fingerprint: str = ""


class State:
    """The state database, migrated on opening. Use as a context manager, or close().

    Raises NewerLake where the database was migrated by newer code, BadSettings where the URL cannot be used or the
    file cannot be written. All methods raise DatabaseUnavailable where it cannot be reached or is held by others for
    too long, DatabaseRefused, and CorruptStore for a damaged file.
    """

    def __init__(self, dsn: str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        url = _readable(dsn)
        if url.drivername in {"postgres", "postgresql"}:
            url = url.set(drivername="postgresql+psycopg2")  # the driver that dagster-postgres brings
        self._clock = clock
        self._engine = sa.create_engine(url)
        sa.event.listen(self._engine, "handle_error", lambda context: _translate(context, url))
        if self._engine.dialect.name == "sqlite":
            if url.database:
                try:
                    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise file_fault(error, url.database, _DAMAGED) from error
            sa.event.listen(self._engine, "connect", _configure_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        try:
            self._migrate()
        except TypeError as error:  # how drivers refuse a parameter of the URL that they do not know
            raise server_fault(error, dsn) from None
        except BadSettings as error:
            raise BadSettings(str(error)) from None  # SQLAlchemy chains the driver's error, which quotes the URL

    @classmethod
    def of(cls, settings: Settings) -> State:
        """The configured state database. Leases run on the real clock, also where the pipeline's is frozen."""
        if settings.state_url is None and is_emptied(settings):
            raise CorruptStore(f"{settings.home / STATE_FILE} is empty although this home has publications. {_DAMAGED}")
        return cls(settings.state_dsn)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._engine.dispose()

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """A transaction, for the modules of this room that keep tables of their own here."""
        return self._engine.begin()

    def now(self) -> datetime:
        """The clock that leases run on."""
        return self._clock()

    def lease(self, name: str) -> Lease | None:
        """The last one of that name, whether it still holds or not."""
        with self._engine.begin() as connection:
            row = connection.execute(sa.text("SELECT * FROM leases WHERE name = :name"), {"name": name}).one_or_none()
        return None if row is None else Lease(name, row.owner, int(row.epoch), _time(row.expires_at))

    def acquire(self, name: str, owner: str, seconds: float) -> Lease | None:
        """Takes a lease that is free or has expired, with the next epoch; None while another owner holds it.

        The owner itself, asking again, gets a new epoch too: a restarted process must not share the old one.
        """
        now = self._now()
        given = {"name": name, "owner": owner, "expires_at": now + seconds, "now": now}
        with self._engine.begin() as connection:
            row = connection.execute(sa.text(_ACQUIRE), given).one_or_none()
        return None if row is None else Lease(name, owner, int(row.epoch), _time(now + seconds))

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """The same lease, held longer; one that has expired but was taken by nobody may be renewed.

        Raises Conflict where another owner has taken it: whatever was done under it must stop.
        """
        expires = self._now() + seconds
        with self._engine.begin() as connection:
            done = connection.execute(sa.text(_RENEW), {**_identity(lease), "expires_at": expires})
        if done.rowcount == 0:
            raise Conflict(f"lease {lease.name!r}: epoch {lease.epoch} of {lease.owner} was taken over")
        return Lease(lease.name, lease.owner, lease.epoch, _time(expires))

    def release(self, lease: Lease) -> None:
        """Gives a lease back; one that was taken over stays with its new owner."""
        with self._engine.begin() as connection:
            connection.execute(sa.text(_RENEW), {**_identity(lease), "expires_at": 0.0})

    def check(self, lease: Lease) -> None:
        """Raises Conflict unless the lease is the current one and has not expired."""
        with self._engine.begin() as connection:
            held = connection.execute(sa.text(_HOLDS), {**_identity(lease), "now": self._now()}).first()
        if held is None:
            raise Conflict(f"lease {lease.name!r}: epoch {lease.epoch} of {lease.owner} is over")

    def record_publication(
        self,
        path: Path,
        built_at: datetime,
        versions: Mapping[str, int | None],
        *,
        sequence: int = 0,
        fingerprint: str = "",
    ) -> None:
        """Notes a publication; rows of copies that no longer exist are dropped."""
        row: dict[str, object] = {"path": str(path), "built_at": built_at.timestamp()}
        row |= {"versions": json.dumps(dict(versions)), "sequence": sequence, "fingerprint": fingerprint}
        with self._engine.begin() as connection:
            for (known,) in connection.execute(sa.text("SELECT path FROM publications")).all():
                if not Path(known).exists():
                    connection.execute(sa.text("DELETE FROM publications WHERE path = :path"), {"path": known})
            connection.execute(sa.text(_PUBLISHED), row)

    def publications(self) -> list[PublicationRow]:
        """Recorded publications, newest first."""
        query = (
            "SELECT path, built_at, versions, sequence, fingerprint FROM publications ORDER BY sequence DESC, path DESC"
        )
        with self._engine.begin() as connection:
            rows = connection.execute(sa.text(query)).all()
        return [
            PublicationRow(Path(r.path), _time(r.built_at), json.loads(r.versions), int(r.sequence), r.fingerprint)
            for r in rows
        ]

    def _now(self) -> float:
        return self._clock().timestamp()

    def _migrate(self) -> None:
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATION_LOCK})
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY)"))
            row = connection.execute(sa.text("SELECT coalesce(max(version), 0) AS version FROM migrations")).one()
            if row.version > len(MIGRATIONS):
                raise NewerLake(
                    f"the state database has version {row.version}, this code knows {len(MIGRATIONS)}: "
                    "upgrade echelon-pipeline"
                )
            for number, migration in enumerate(MIGRATIONS[row.version :], start=row.version + 1):
                for text in migration:
                    connection.execute(sa.text(text))
                connection.execute(sa.text("INSERT INTO migrations VALUES (:version)"), {"version": number})


def is_emptied(settings: Settings) -> bool:
    """Whether the state database is a file without a byte in a home that has published, which needs one with rows.

    A new home has no file. SQLite makes one empty and fills it in the same instant: it is looked at twice.
    """
    file, published = settings.home / STATE_FILE, settings.published_file
    for pause in (0.2, 0.0):
        if not file.is_file() or file.stat().st_size > 0 or not published.is_file():
            return False
        time.sleep(pause)
    return True


def _identity(lease: Lease) -> dict[str, str | int]:
    return {"name": lease.name, "owner": lease.owner, "epoch": lease.epoch}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _readable(dsn: str) -> sa.URL:
    try:
        check_url(dsn, STATE)
        return sa.make_url(dsn)
    except ValueError as error:
        raise BadSettings(f"ECHELON_STATE_URL: {error}") from None


def _translate(context: sa.engine.ExceptionContext, url: sa.URL) -> None:
    found = context.original_exception
    if is_sqlite(found):
        raise file_fault(found, url.database or "the state database", _DAMAGED) from found
    if context.sqlalchemy_exception is not None and not isinstance(context.sqlalchemy_exception, sa.exc.IntegrityError):
        # Not chained: the driver quotes parameters of the URL.
        raise server_fault(
            context.sqlalchemy_exception.orig or found, url.render_as_string(hide_password=False)
        ) from None


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself: it would begin them as readers, and a reader that
    # turns into a writer fails at once instead of waiting.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA busy_timeout = 30000")


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
