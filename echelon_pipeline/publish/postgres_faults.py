"""Connects to Postgres and translates the driver's errors.

Belongs here: the connection and the translation of errors. The URL contains a password: no part of it may appear in a
message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import adbc_driver_manager
from pydantic import SecretStr

from echelon_pipeline import stopping
from echelon_pipeline.errors import BadSettings, DatabaseRefused, DatabaseUnavailable
from echelon_pipeline.settings.urls import POSTGRES, check_url

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

# Transient SQLSTATE classes: connection, resources, operator intervention, serialization, locks.
_TRANSIENT = ("08", "53", "57", "40", "55P03")


@contextmanager
def connected(url: SecretStr) -> Iterator[Connection]:
    """A connection whose first statement begins a transaction; uncommitted changes are rolled back at the end.

    Raises BadSettings for a URL that parsers may read differently, DatabaseUnavailable if it cannot connect; no
    message shows the URL's user, password or parameters.
    """
    # Imported here: the import takes 0.4 s, mostly polars, in every process that loads the definitions.
    import adbc_driver_postgresql.dbapi as driver

    try:
        check_url(url.get_secret_value(), POSTGRES)
    except ValueError as error:
        raise BadSettings(f"ECHELON_POSTGRES_URL: {error}") from None
    # SQLAlchemy's form, postgresql+psycopg2://, is accepted too.
    text = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url.get_secret_value())
    try:
        connection: Connection = driver.connect(text)
    except adbc_driver_manager.Error as error:
        message = f"ECHELON_POSTGRES_URL: cannot connect: {_without(str(error), text)}"
        # Not chained: the driver's own message may quote parts of the URL.
        raise DatabaseUnavailable(message) from None
    try:
        with stopping.interrupting(connection.adbc_cancel):
            yield connection
    finally:
        connection.close()


@contextmanager
def database_faults() -> Iterator[None]:
    """Turns the driver's errors inside into DatabaseUnavailable or DatabaseRefused, with the server's message."""
    try:
        yield
    except adbc_driver_manager.Error as error:
        state = error.sqlstate or ""
        words = re.search(r"(ERROR|FATAL):\s*(.*)", str(error), re.DOTALL)
        message = " ".join((words.group(2) if words else str(error)).split())[:500]
        kind = DatabaseUnavailable if not state or state.startswith(_TRANSIENT) else DatabaseRefused
        raise kind(f"Postgres: {message}") from error


def _without(message: str, url: str) -> str:
    """The first line of a message; every word of the URL is replaced."""
    line = message.strip().splitlines()[0].removeprefix("IO: [libpq] Failed to connect: ")
    words = [w for w in re.split(r"[^\w.-]+", url.partition("://")[2] or url) if w]
    for word in sorted(words, key=len, reverse=True):
        line = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "…", line)
    return line
