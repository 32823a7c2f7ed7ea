"""Writes the log of one connection: frames as they arrive, durable block by block.

Belongs here: writing. The format is ``segments.py``'s; when to flush and to rotate is ``record.py``'s.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa

from echelon_pipeline import __version__
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.streams.segments import (
    ABOUT,
    CLOSED,
    FRAMES,
    INSTRUMENTS,
    NEW,
    OPEN,
    OPTIONS,
    SCHEMA,
    Connection,
    batch_of,
    block,
    fsync_folder,
    renamed,
    space,
)
from echelon_pipeline.streams.watchlist import CHANGES, WatchChange

Pending = tuple[list[int], list[bytes]]


class Log:
    """Writes a connection's frames. Raises DiskFull; what was durable before it, stays.

    ``fence`` runs before every write. It raises if the writer has lost its lease; then nothing is written.
    ``add`` and ``take`` belong to the thread that receives, ``write`` and ``rotate`` to one that may wait for the disk.
    """

    def __init__(
        self,
        root: Path,
        about: Connection,
        instruments: Sequence[Instrument] = (),
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self.about = about
        self._fence = fence
        fence()
        self.folder = root / about.venue / about.connection_id
        with space(self.folder):
            self.folder.mkdir(parents=True)
            _written(self.folder / INSTRUMENTS, msgspec.json.encode(instruments)).close()
            for folder in (self.folder, self.folder.parent, root):  # frames are read with the names above them
                fsync_folder(folder)
        self.arrived = 0
        self.durable = 0
        self.waiting_bytes = 0
        self._pending: Pending = ([], [])
        self._segment: _Segment | None = None
        self._failed: Exception | None = None

    def add(self, received_at: int, payload: bytes) -> int:
        """Takes a frame, received so many microseconds after 1970; its arrival number. Durable once written."""
        times, payloads = self._pending
        times.append(received_at)
        payloads.append(payload)
        self.waiting_bytes += len(payload)
        self.arrived += 1
        return self.arrived - 1

    def take(self) -> Pending:
        """What arrived since the last call, for ``write``."""
        taken, self._pending = self._pending, ([], [])
        self.waiting_bytes = 0
        return taken

    def write(self, taken: Pending) -> int:
        """Makes frames durable, in the order in which they were taken; how many of the connection are.

        What could not be written is gone: from then on every call raises what the first one did.
        """
        times, payloads = taken
        if payloads:
            with self._whole():
                if self._segment is None:
                    self._segment = _Segment(self.folder / f"{self.durable:012d}{OPEN}", self.about)
                self._segment.write(self.durable, batch_of(times, payloads))
            self.durable += len(payloads)
        return self.durable

    def flush(self) -> int:
        """Makes everything that arrived durable, where one thread does both."""
        return self.write(self.take())

    def rewatch(self, change: WatchChange) -> None:
        """Makes durable what is watched from an arrival number on: before frames that depend on it are asked for."""
        with self._whole():
            path = self.folder / CHANGES
            is_new = not path.exists()
            with path.open("ab") as file:
                file.write(msgspec.json.encode(change) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                fsync_folder(self.folder)

    def rotate(self) -> Path | None:
        """Closes the segment, if one is open, and gives its path; the next frame written begins another."""
        if self._segment is None:
            return None
        with self._whole():
            path = self._segment.close()
        self._segment = None
        return path

    def abandon(self) -> None:
        """Lets go of the open segment as it is, for ``recover``: after DiskFull there is nothing else to do.

        Of a connection on which nothing came nothing stays: one that a venue hangs up on comes every minute.
        """
        if self._segment is not None:
            self._segment.abandon()
            self._segment = None
        elif self.durable == 0 and self._failed is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Frames behind a hole would get the numbers of the missing frames, and no reader would notice."""
        if self._failed is not None:
            raise self._failed
        try:
            self._fence()
            with space(self.folder):
                yield
        except Exception as error:
            self._failed = error
            raise


class _Segment:
    def __init__(self, path: Path, about: Connection) -> None:
        # It gets its name when it says whose it is: recovery must not guess.
        header = json.dumps({**asdict(about), "code_version": __version__}).encode()
        self._file = _written(path.with_suffix(NEW), block(ABOUT, 0, header))
        try:
            self.path = renamed(path.with_suffix(NEW), OPEN)
        except OSError:
            self._file.close()
            raise

    def write(self, first: int, batch: pa.RecordBatch) -> None:
        body = pa.BufferOutputStream()
        with pa.ipc.new_stream(body, SCHEMA, options=OPTIONS) as stream:
            stream.write_batch(batch)
        self._file.write(block(FRAMES, first, body.getvalue().to_pybytes()))
        self._sync()

    def close(self) -> Path:
        self._sync()
        self._file.close()
        return renamed(self.path, CLOSED)

    def abandon(self) -> None:
        with suppress(OSError):  # what it still holds was not durable, and has no place on a full disk
            self._file.close()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def _written(path: Path, start: bytes) -> BinaryIO:
    """A new file that durably begins with these bytes. Its owner's alone: frames may tell of an account."""
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        file.write(start)
        file.flush()
        os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            file.close()
        raise
    return file
