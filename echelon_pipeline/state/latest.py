"""The latest state of each book, for dashboards that poll: the last that listeners emitted, until it expires.

Belongs here: keeping and finding these rows. Embedded, a SQLite file of its own in ECHELON_HOME, whose readers never
wait for a writer; or Redis, where ``REDIS_URL`` is set. Both give the same answers. Nothing else is made from what is
here: it may be deleted at any time, and a row that is not renewed is gone after ``latest_ttl`` seconds, so that
what a dead listener said last is not taken for the state of now.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Protocol, cast

import msgspec

from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.errors import BadSettings, DatabaseUnavailable
from echelon_pipeline.settings import Settings
from echelon_pipeline.settings.urls import REDIS, check_url, without_secrets
from echelon_pipeline.state.faults import file_fault

FILE = "latest.sqlite"
BUSY_SECONDS = 5.0  # a writer holds the file for milliseconds; a longer wait fails, to be tried later

_COLUMNS = ", ".join(field.name for field in fields(LatestState))
_CREATE = f"""
    CREATE TABLE IF NOT EXISTS latest_states ({_COLUMNS}, venue TEXT NOT NULL, expires_at REAL NOT NULL,
        PRIMARY KEY (instrument_id)) WITHOUT ROWID
"""
_PUT = f"INSERT OR REPLACE INTO latest_states VALUES ({', '.join('?' for _ in fields(LatestState))}, ?, ?)"
_SWEEP = "DELETE FROM latest_states WHERE expires_at <= ?"
_GET = f"""
    SELECT {_COLUMNS} FROM latest_states JOIN json_each(?) AS asked ON instrument_id = asked.value
    WHERE expires_at > ? ORDER BY asked.key
"""
_ALL = f"SELECT {_COLUMNS} FROM latest_states WHERE venue = ? AND expires_at > ? ORDER BY instrument_id"

_ENCODE, _DECODE = msgspec.json.Encoder(), msgspec.json.Decoder(LatestState)


class LatestStore(Protocol):
    """The last state of each instrument. Any thread may ask. All raise DatabaseUnavailable;
    a damaged file is CorruptStore, one that cannot be written BadSettings."""

    def put(self, rows: Sequence[LatestState]) -> None:
        """Replaces what is known of these instruments, all at once; they live from now on."""

    def get(self, instrument_ids: Sequence[str]) -> list[LatestState]:
        """The rows of these instruments, in this order; expired and unknown ones are left out."""

    def all(self, venue: str) -> list[LatestState]:
        """The rows of a venue that have not expired, by instrument."""

    def close(self) -> None:
        """Gives up its connections."""


def latest_store(settings: Settings) -> LatestStore:
    """The configured store: Redis where its URL is set."""
    if settings.redis_url is not None:
        return RedisStore(settings.redis_url.get_secret_value(), settings.latest_ttl)
    return SqliteStore(settings.home / FILE, settings.latest_ttl)


def venue_of(instrument_id: str) -> str:
    """The venue that an instrument's id begins with."""
    return InstrumentId.parse(instrument_id).venue


class SqliteStore:
    """Rows in a file of the home. ``clock``: seconds since 1970."""

    def __init__(self, path: Path, ttl: float, *, clock: Callable[[], float] = time.time) -> None:
        self._ttl, self._clock = ttl, clock
        self._lock = threading.Lock()
        self._path = path
        with _sqlite_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")  # after a power cut all of it has expired
            self._connection.execute(_CREATE)

    def put(self, rows: Sequence[LatestState]) -> None:
        """See LatestStore. What has expired goes."""
        now = self._clock()
        made = [(*astuple(row), venue_of(row.instrument_id), now + self._ttl) for row in rows]
        with self._lock, _sqlite_faults(self._path):
            self._connection.execute("BEGIN IMMEDIATE")  # a reader that turns into a writer would fail at once
            try:
                self._connection.execute(_SWEEP, (now,))
                self._connection.executemany(_PUT, made)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def get(self, instrument_ids: Sequence[str]) -> list[LatestState]:
        """See LatestStore."""
        return self._rows(_GET, json.dumps(list(instrument_ids)))

    def all(self, venue: str) -> list[LatestState]:
        """See LatestStore."""
        return self._rows(_ALL, venue)

    def close(self) -> None:
        """See LatestStore."""
        with self._lock:
            self._connection.close()

    def _rows(self, query: str, asked: str) -> list[LatestState]:
        with self._lock, _sqlite_faults(self._path):
            return [LatestState(*row) for row in self._connection.execute(query, (asked, self._clock()))]


class RedisStore:
    """A key per instrument, which Redis lets expire, and a sorted set per venue of its instruments by expiry."""

    def __init__(self, url: str, ttl: float) -> None:
        # Imported here: it takes 0.2 s, and every process that loads the definitions would wait for it.
        import redis

        self._ttl, self._url = ttl, url
        with _redis_faults(url), _readable(url):
            self._client = redis.Redis.from_url(url, socket_timeout=BUSY_SECONDS, socket_connect_timeout=BUSY_SECONDS)

    def put(self, rows: Sequence[LatestState]) -> None:
        """See LatestStore. The sets lose what expired."""
        now, life = time.time(), max(1, round(self._ttl * 1000))
        with _redis_faults(self._url), self._client.pipeline(transaction=True) as pipeline:
            for row in rows:
                pipeline.set(_key(row.instrument_id), _ENCODE.encode(row), px=life)
                pipeline.zadd(_index(venue_of(row.instrument_id)), {row.instrument_id: now + self._ttl})
            for venue in {venue_of(row.instrument_id) for row in rows}:
                # A minute later: the server's clock decides what has expired, and ours may be ahead of it.
                pipeline.zremrangebyscore(_index(venue), "-inf", now - 60)
            pipeline.execute()

    def get(self, instrument_ids: Sequence[str]) -> list[LatestState]:
        """See LatestStore."""
        if not instrument_ids:
            return []
        with _redis_faults(self._url):
            found = cast("list[bytes | None]", self._client.mget([_key(i) for i in instrument_ids]))
        return [_DECODE.decode(value) for value in found if value is not None]

    def all(self, venue: str) -> list[LatestState]:
        """See LatestStore."""
        with _redis_faults(self._url):
            names = cast("list[bytes]", self._client.zrange(_index(venue), 0, -1))
        return self.get(sorted(name.decode() for name in names))

    def close(self) -> None:
        """See LatestStore."""
        self._client.close()


def _key(instrument_id: str) -> str:
    return f"echelon:latest:{instrument_id}"


def _index(venue: str) -> str:
    return f"echelon:latest-of:{venue}"


def by_venue(store: LatestStore, venues: Iterable[str]) -> list[LatestState]:
    """All rows of several venues."""
    return [row for venue in venues for row in store.all(venue)]


@contextmanager
def _sqlite_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise file_fault(
            error, f"latest states: {path}", "Remove it: it holds the states of the last minute"
        ) from error


@contextmanager
def _readable(url: str) -> Iterator[None]:
    """What a parser says of an address that it cannot read may be a part of the password."""
    try:
        check_url(url, REDIS)
    except ValueError as error:
        raise BadSettings(f"REDIS_URL: {error}") from None
    try:
        yield
    except (ValueError, TypeError, AttributeError):
        raise BadSettings("REDIS_URL is not the address of a Redis: redis://[:password@]host:port/number") from None


@contextmanager
def _redis_faults(url: str) -> Iterator[None]:
    import redis

    try:
        yield
    except redis.RedisError as error:
        raise DatabaseUnavailable(f"latest states in Redis: {without_secrets(str(error), url)}") from None
    except TypeError:  # how the client refuses a parameter of the URL that it does not know
        raise BadSettings("REDIS_URL has a parameter that the client does not know") from None
