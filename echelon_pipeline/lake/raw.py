"""The append-only store of payloads: takes pages, appends rows to ``raw.objects``.

Belongs here: buffering, and skipping objects that a listing serves unchanged. Payloads are never interpreted.
"""

from __future__ import annotations

import secrets
import shutil
from datetime import UTC
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from echelon_pipeline.lake.delta import empty_select
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import file_list
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.page import Page

OBJECTS, LAST_SEEN = "raw.objects", "raw.last_seen"

# Payload bytes that are buffered before a flush: with long rule texts 20,000 market objects are some 100 MB, and a
# flush needs some six times their size in memory.
FLUSH_BYTES = 24 * 2**20


class RawStore:
    """Takes the pages of one unit of work. ``flush`` appends the buffered objects to the lake.

    ``listing``: an object whose sha256 is the last one stored for its (endpoint, key) is not stored again;
    ``mark_seen`` then updates ``raw.last_seen`` for all objects at once. As a context manager the store does both at
    the end; if the block fails, it stores the buffered objects and leaves ``raw.last_seen`` as it was.
    ``every``: a listing that stores unchanged objects too, for endpoints where the time of a quote matters.
    """

    def __init__(
        self,
        lake: Lake,
        *,
        venue: str,
        unit_id: str,
        parser_version: int,
        flush_objects: int = 20_000,
        listing: bool = False,
        every: bool = False,
    ) -> None:
        self.scratch: Path = lake.scratch / unit_id
        self.pages = 0
        self.objects = 0
        self.stored = 0
        self._lake = lake
        self._venue = venue
        self._unit_id = unit_id
        self._parser_version = parser_version
        self._flush_objects = flush_objects
        self._listing = listing
        self._every = every
        self._buffer: list[dict[str, object]] = []
        self._bytes = 0
        self._seen: list[Path] = []  # one file of keys and hashes per flush: memory stays bounded

    @property
    def unchanged(self) -> int:
        """Flushed objects that were not stored because they were unchanged."""
        return self.objects - self.stored - len(self._buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.flush()

    def add(self, page: Page) -> None:
        """Buffers a page; flushes when the buffer is full. ``page.number`` must be unique within the unit."""
        received = page.received_at.astimezone(UTC)
        for position, item in enumerate(page.objects):
            self._bytes += len(item.payload)
            self._buffer.append(
                {
                    "venue": self._venue,
                    "endpoint": page.endpoint,
                    "date": received.date(),
                    "unit_id": self._unit_id,
                    "request": page.request,
                    "page": page.number,
                    "position": position,
                    "received_at": received,
                    "object_key": item.key,
                    "sha256": item.sha256,
                    # JSON is UTF-8; a byte that is not must not lose the whole page. The hash is of the bytes.
                    "payload": item.payload.decode("utf-8", "replace"),
                    "context": item.context,
                    "parser_version": self._parser_version,
                }
            )
        self.pages += 1
        self.objects += len(page.objects)
        if len(self._buffer) >= self._flush_objects or self._bytes >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Appends the buffered objects to the lake. Raises Conflict, DiskFull; then the objects stay buffered."""
        if not self._buffer:
            return
        rows = pa.Table.from_pylist(self._buffer, schema=TABLES[OBJECTS].arrow_schema())
        new = self._changed(rows) if self._listing and not self._every else rows
        if new.num_rows:
            self._lake.append(OBJECTS, new)
        if self._listing:
            self._note_seen(rows)
        self.stored += new.num_rows
        self._buffer, self._bytes = [], 0

    def mark_seen(self) -> None:
        """Updates ``raw.last_seen`` for all objects flushed since the last call. Listings only."""
        if not self._seen:
            return
        with self._lake.duck() as connection:
            connection.execute(f"CREATE TEMP VIEW seen AS {self.seen_relation()}")
            connection.execute(f"CREATE TEMP VIEW last_seen AS {self._last_seen()}")
            connection.execute(f"CREATE TEMP VIEW marked AS {statement('raw/marked').text}")
            staged = self._lake.stage(connection, LAST_SEEN, "marked", unit=f"{self._unit_id}/seen")
        self._lake.merge(LAST_SEEN, [staged])
        self._seen = []
        shutil.rmtree(self.scratch / "seen", ignore_errors=True)

    def close(self) -> None:
        """Flushes, then updates ``raw.last_seen``."""
        self.flush()
        self.mark_seen()

    def seen_relation(self) -> str:
        """SQL: SELECT of venue, endpoint, object_key, sha256, received_at, page, position of all objects that this
        unit flushed and that have a key."""
        columns = "venue, endpoint, object_key, sha256, received_at, page, position"
        if not self._seen:
            return f"SELECT {columns} FROM ({empty_select(TABLES[OBJECTS])})"
        return f"SELECT {columns} FROM read_parquet({file_list([str(p) for p in self._seen])})"

    def _last_seen(self) -> str:
        return self._lake.scan(LAST_SEEN, where={"venue": [self._venue]})

    def _changed(self, rows: pa.Table) -> pa.Table:
        """The rows whose payload differs from the last known one of their object."""
        with self._lake.duck() as connection:
            connection.register("buffered", rows)
            connection.execute(f"CREATE TEMP VIEW seen AS {self.seen_relation()}")
            connection.execute(f"CREATE TEMP VIEW last_seen AS {self._last_seen()}")
            changed: pa.Table = connection.sql(statement("raw/changed").text).to_arrow_table().cast(rows.schema)
            return changed

    def _note_seen(self, rows: pa.Table) -> None:
        folder = self.scratch / "seen"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"seen-{secrets.token_hex(4)}.parquet"
        names = ["venue", "endpoint", "object_key", "sha256", "received_at", "page", "position"]
        keyed = rows.select(names).filter(rows["object_key"].is_valid())
        pq.write_table(keyed, path, compression="zstd")
        self._seen.append(path)
