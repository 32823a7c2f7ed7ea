"""The state database: small things that are changed in place. SQLite (WAL) in ECHELON_HOME, or Postgres, by one URL.

Belongs here: opening it, its transactions and its clocks. Its tables are ``tables.py``'s, how an older database gets
them ``schema.py``'s, and each module of this room has the statements about its own tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from echelon_pipeline import stopping
from echelon_pipeline.errors import BadSettings, CorruptStore, DatabaseUnavailable
from echelon_pipeline.settings import RESTORING, STATE_FILE, Settings
from echelon_pipeline.settings.urls import STATE, check_url
from echelon_pipeline.state import schema
from echelon_pipeline.state.faults import file_fault, is_sqlite, server_fault

_DAMAGED = "Restore it from a backup, or move it away: listeners have to be added again, the lake does not depend on it"
_MIGRATION_LOCK = 7_205_759  # any number that no other lock of this database uses
# Seconds that a writer waits for others of a file; and, once the process was asked to end.
_BUSY_SECONDS, _BUSY_AT_THE_END = 30.0, 1.0
_READS = "echelon_reads"


class State:
    """The state database, migrated on opening. Use as a context manager, or close().

    Raises NewerLake where the database was migrated by newer code, BadSettings where the URL cannot be used or the
    file cannot be written. All methods raise DatabaseUnavailable where it cannot be reached or is locked by others for
    too long, DatabaseRefused, and CorruptStore for a damaged file.
    """

    def __init__(self, dsn: str, *, clock: Callable[[], datetime] | None = None) -> None:
        url = _readable(dsn)
        if url.drivername in {"postgres", "postgresql"}:
            url = url.set(drivername="postgresql+psycopg2")  # the driver that dagster-postgres brings
        self._clock = clock
        self._engine = sa.create_engine(url, connect_args=_connect_args(url))
        self._readers = self._engine.execution_options(**{_READS: True})
        sa.event.listen(self._engine, "handle_error", lambda context: _translate(context, url))
        if self._engine.dialect.name == "sqlite":
            if url.database:
                try:
                    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise file_fault(error, url.database, _DAMAGED) from error
            sa.event.listen(self._engine, "connect", _configure_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        else:
            sa.event.listen(self._engine, "connect", _configure_postgres)
        try:
            self._migrate()
        except TypeError as error:  # how drivers refuse a parameter of the URL that they do not know
            raise server_fault(error, dsn) from None
        except BadSettings as error:
            raise BadSettings(str(error)) from None  # SQLAlchemy chains the driver's error, which quotes the URL

    @classmethod
    def of(cls, settings: Settings) -> State:
        """The configured state database. It runs on the real clock, also where the pipeline's is frozen."""
        if (settings.home / RESTORING).is_dir():
            raise CorruptStore(f"{settings.home}: a restore did not end: run `echelon restore` again")
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
        """A transaction that writes, for the modules of this room that keep tables here."""
        return self._engine.begin()

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that only reads: on SQLite it waits for no writer."""
        return self._readers.begin()

    def snapshot(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that only reads, and sees all tables as of one instant."""
        if self._engine.dialect.name == "sqlite":
            return self.read()
        return self._readers.execution_options(isolation_level="REPEATABLE READ").begin()

    def now(self) -> datetime:
        """The clock of this machine."""
        return datetime.now(UTC) if self._clock is None else self._clock()

    def instant(self) -> sa.ColumnElement[float]:
        """Now, in seconds since 1970, for statements: by Postgres' clock, which all machines share."""
        if self._clock is None and self._engine.dialect.name == "postgresql":
            return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)
        return sa.literal(self.now().timestamp(), sa.Double)

    def _migrate(self) -> None:
        with self.read() as connection:
            if schema.revision_of(connection) == schema.HEAD:
                return
        with self.begin() as connection:  # of several processes one does it, the others wait and find it done
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            schema.migrate(connection)


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


def _readable(dsn: str) -> sa.URL:
    try:
        check_url(dsn, STATE)
        return sa.make_url(dsn)
    except ValueError as error:
        raise BadSettings(f"ECHELON_STATE_URL: {error}") from None


def _translate(context: sa.engine.ExceptionContext, url: sa.URL) -> None:
    found = context.original_exception
    if isinstance(context.sqlalchemy_exception, sa.exc.IntegrityError):
        return  # a statement that breaks a rule of the tables: a fault of the code
    if is_sqlite(found):
        raise file_fault(found, url.database or "the state database", _DAMAGED) from found
    if context.sqlalchemy_exception is not None:
        # Not chained: the driver quotes parameters of the URL.
        raise server_fault(
            context.sqlalchemy_exception.orig or found, url.render_as_string(hide_password=False)
        ) from None


def _connect_args(url: sa.URL) -> dict[str, object]:
    """A server that cannot be reached is said so within seconds, unless the URL says otherwise."""
    return {} if url.get_backend_name() == "sqlite" or "connect_timeout" in url.query else {"connect_timeout": 10}


def _configure_postgres(connection: Any, _record: object) -> None:
    # Locks of a machine that died are given up after a minute; the server's default is two hours.
    with connection.cursor() as cursor:
        cursor.execute("SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3")
    connection.commit()


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself: it would begin them as readers, and a reader that
    # turns into a writer fails at once instead of waiting.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")  # of a new file: waits for the driver's 5 s
    # A commit is on the disk when it returns: an epoch that was given out is never given out again after a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 250")


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get(_READS):
        connection.exec_driver_sql("BEGIN")
        return
    began = time.monotonic()
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except DatabaseUnavailable:  # others write: in short waits, so that a signal does not wait for them
            if time.monotonic() - began > (_BUSY_AT_THE_END if stopping.is_requested() else _BUSY_SECONDS):
                raise
        else:
            return
