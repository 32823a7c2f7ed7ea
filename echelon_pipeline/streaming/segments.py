"""The log of one connection: every frame as it arrived, in segments that are closed every few minutes.

Belongs here: the format, writing, recovery, reading. When to flush and to rotate is the shift's; what a frame means
is the venues'.

A segment is a file of blocks: magic, length and CRC-32, then JSON that says whose frames these are (the first block)
or frames (received_at, payload) as an Arrow IPC stream with zstd. The CRC is checked before anything is parsed: Arrow
itself would believe a torn length. A frame is durable when the fsync of its block has returned; after a crash
everything up to the last whole block is read and the torn rest is cut off. Arrival numbers count the frames of a
connection from 0 without a gap: they are the order of replay, event times are not.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from echelon_pipeline import __version__
from echelon_pipeline.errors import CorruptStore, DiskFull

OPEN, CLOSED, TORN = ".open", ".arrow", ".torn"
_TIME = pa.timestamp("us", tz="UTC")
_FIELDS: list[pa.Field[Any]] = [pa.field("received_at", _TIME, False), pa.field("payload", pa.binary(), False)]
_SCHEMA = pa.schema(_FIELDS)
_OPTIONS = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))
_ABOUT, _FRAMES = b"ECHC", b"ECHF"
_HEAD = struct.Struct("<4sIIQ")  # magic, length of the body, CRC-32 of what follows it here, first arrival number


@dataclass(frozen=True)
class Connection:
    """Whose frames a log holds. ``connection_id`` is unique and sorts by time; ``epoch`` is the lease's."""

    venue: str
    listener: str
    epoch: int
    connection_id: str
    url: str


@dataclass(frozen=True)
class Block:
    """Frames that became durable together. ``first``: arrival number of the first."""

    first: int
    frames: pa.RecordBatch


Pending = tuple[list[int], list[bytes]]


class Log:
    """Writes a connection's frames. Raises DiskFull; what was durable before it, stays.

    ``add`` and ``take`` belong to the thread that receives, ``write`` and ``rotate`` to one that may wait for the disk.
    """

    def __init__(self, root: Path, about: Connection) -> None:
        self.about = about
        self.folder = root / about.venue / about.connection_id
        with _space(self.folder):
            self.folder.mkdir(parents=True)
        self.arrived = 0
        self.durable = 0
        self.waiting_bytes = 0
        self._pending: Pending = ([], [])
        self._segment: _Segment | None = None

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
        """Makes frames durable, in the order in which they were taken; how many of the connection are."""
        times, payloads = taken
        if payloads:
            with _space(self.folder):
                if self._segment is None:
                    self._segment = _Segment(self.folder / f"{self.durable:012d}{OPEN}", self.about)
                self._segment.write(self.durable, _batch(times, payloads))
            self.durable += len(payloads)
        return self.durable

    def flush(self) -> int:
        """Makes everything that arrived durable, where one thread does both."""
        return self.write(self.take())

    def rotate(self) -> Path | None:
        """Closes the segment, if one is open, and gives its path; the next frame written begins another."""
        segment, self._segment = self._segment, None
        if segment is None:
            return None
        with _space(self.folder):
            return segment.close()

    def abandon(self) -> None:
        """Lets go of the open segment as it is, for ``recover``: after DiskFull there is nothing else to do."""
        if self._segment is not None:
            self._segment.abandon()
            self._segment = None


class _Segment:
    def __init__(self, path: Path, about: Connection) -> None:
        self.path = path
        self._file: BinaryIO = path.open("xb")
        _fsync_folder(path.parent)
        self._file.write(_block(_ABOUT, 0, json.dumps({**asdict(about), "code_version": __version__}).encode()))

    def write(self, first: int, batch: pa.RecordBatch) -> None:
        body = pa.BufferOutputStream()
        with pa.ipc.new_stream(body, _SCHEMA, options=_OPTIONS) as stream:
            stream.write_batch(batch)
        self._file.write(_block(_FRAMES, first, body.getvalue().to_pybytes()))
        self._sync()

    def close(self) -> Path:
        self._sync()
        self._file.close()
        return _renamed(self.path, CLOSED)

    def abandon(self) -> None:
        self._file.close()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def recover(path: Path) -> Path | None:
    """Closes a segment that its writer left open: cuts off what is behind the last whole block.

    Gives the closed path; None where no frame is whole: then the file is set aside as it is, named ``.torn``. A
    segment that is closed is given back as it is. Whoever calls this knows that the writer is dead.
    """
    if path.suffix == CLOSED:
        return path
    end = 0
    for block in _whole_blocks(path):
        end = block.end if block.magic == _FRAMES else 0
    if end == 0:
        _renamed(path, TORN)
        return None
    with path.open("r+b") as file:
        file.truncate(end)
        os.fsync(file.fileno())
    return _renamed(path, CLOSED)


def read(path: Path) -> Iterator[Block]:
    """The blocks of frames of a closed segment. CorruptStore where it is damaged: not by its writer."""
    end = 0
    for block in _whole_blocks(path):
        end = block.end
        if block.magic == _FRAMES:
            with pa.ipc.open_stream(block.body) as stream:
                yield Block(block.first, stream.read_next_batch())
    if end == 0 or end < path.stat().st_size:
        raise CorruptStore(f"{path}: what follows byte {end} is no whole block of frames")


def connection_of(path: Path) -> Connection:
    """Whose frames a segment holds. CorruptStore where it does not say so."""
    block = next(_whole_blocks(path), None)
    if block is None or block.magic != _ABOUT:
        raise CorruptStore(f"{path} is not a segment of frames")
    told = json.loads(block.body)
    del told["code_version"]
    return Connection(**told)


def segments(root: Path) -> list[Path]:
    """All segments below a folder, closed and open, by venue, connection and first arrival number."""
    return sorted(p for p in root.glob("*/*/*") if p.suffix in (OPEN, CLOSED))


@dataclass(frozen=True)
class _Stored:
    magic: bytes
    first: int
    body: bytes
    end: int


def _block(magic: bytes, first: int, body: bytes) -> bytes:
    return _HEAD.pack(magic, len(body), _crc(first, body), first) + body


def _crc(first: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(first.to_bytes(8, "little")))


def _whole_blocks(path: Path) -> Iterator[_Stored]:
    """Blocks up to the first that is not whole; nothing of a file whose first block is not."""
    size, end = path.stat().st_size, 0
    with path.open("rb") as file:
        while end + _HEAD.size <= size:
            wanted = _FRAMES if end else _ABOUT
            magic, length, crc, first = _HEAD.unpack(file.read(_HEAD.size))
            end += _HEAD.size + length
            if magic != wanted or end > size:
                return
            body = file.read(length)
            if crc != _crc(first, body):
                return
            yield _Stored(magic, first, body, end)


def _batch(times: list[int], payloads: list[bytes]) -> pa.RecordBatch:
    columns: list[pa.Array[Any]] = [pa.array(times, pa.int64()).cast(_TIME), pa.array(payloads, pa.binary())]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)


def _renamed(path: Path, suffix: str) -> Path:
    target = path.with_suffix(suffix)
    path.rename(target)
    _fsync_folder(path.parent)
    return target


def _fsync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _space(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"{where}: no space left for frames") from error
        raise
