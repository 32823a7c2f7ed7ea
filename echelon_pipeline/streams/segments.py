"""The log of one connection: every frame as it arrived, in segments that are closed every few minutes.

Belongs here: the format, reading, recovery. Writing is ``log.py``; what a frame means is the venues'.

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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import pyarrow as pa

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.errors import CorruptStore, DiskFull

NEW, OPEN, CLOSED, TORN = ".new", ".open", ".arrow", ".torn"
_TIME = pa.timestamp("us", tz="UTC")
_FIELDS: list[pa.Field[Any]] = [pa.field("received_at", _TIME, False), pa.field("payload", pa.binary(), False)]
SCHEMA = pa.schema(_FIELDS)
OPTIONS = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))
INSTRUMENTS = "instruments.json"
ABOUT, FRAMES = b"ECHC", b"ECHF"
_HEAD = struct.Struct("<4sIIQ")  # magic, length of the body, CRC-32 of what follows it here, first arrival number


@dataclass(frozen=True)
class Connection:
    """Whose frames a log holds. ``connection_id`` is unique and sorts by time; ``epoch`` is the lease's; ``feed``
    counts the connections that a listener has to a venue at once (less than 0: of an account's own channels);
    ``quotes``: those in it are wanted in tables; ``numbered``: off for frames whose numbers have holes by nature, as
    those of one market cut out of a recording of many, or that had none."""

    venue: str
    listener: str
    epoch: int
    feed: int
    connection_id: str
    url: str
    quotes: bool = False
    numbered: bool = True


@dataclass(frozen=True)
class Block:
    """Frames that became durable together. ``first``: arrival number of the first."""

    first: int
    frames: pa.RecordBatch

    def pairs(self) -> Iterator[tuple[int, bytes]]:
        """Microsecond of receipt and payload of each frame."""
        times: list[Any] = self.frames.column("received_at").cast(pa.int64()).to_pylist()
        payloads: list[Any] = self.frames.column("payload").to_pylist()
        return zip(times, payloads, strict=True)


def recover(path: Path) -> Path | None:
    """Closes a segment that its writer left open: what is behind the last whole block is set aside as ``.torn``.

    That is a block that was being written; after a damage in the middle, good ones too. Gives the closed path; None
    where no frame is whole: then all of it is set aside. A segment that is closed is given back as it is. Code that
    calls this knows that the writer is dead, or has lost the right to write: what it holds open is no more the file
    that is closed here.
    """
    if path.suffix == CLOSED:
        return path
    end = 0
    for block in _whole_blocks(path):
        end = block.end if block.magic == FRAMES else 0
    if end == 0:
        renamed(path, TORN)
        return None
    whole = path.with_suffix(NEW)
    with path.open("rb") as file:
        _copy(file, whole, end)
        if os.fstat(file.fileno()).st_size > end:
            _copy(file, path.with_suffix(TORN))
    whole.replace(path)
    return renamed(path, CLOSED)


def _owners(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _copy(file: BinaryIO, target: Path, length: int | None = None) -> None:
    """The next bytes of a file, so many or the rest, durably in another, which its owner alone may read."""
    with space(target), os.fdopen(_owners(target), "wb") as copy:
        left = os.fstat(file.fileno()).st_size if length is None else length
        while some := file.read(min(2**20, left)):
            copy.write(some)
            left -= len(some)
        copy.flush()
        os.fsync(copy.fileno())


def read(path: Path) -> Iterator[Block]:
    """The blocks of frames of a segment; of one that is still open, those that are whole by now.

    CorruptStore where a closed one is damaged: not by its writer.
    """
    end = 0
    for block in _whole_blocks(path):
        end = block.end
        if block.magic == FRAMES:
            with pa.ipc.open_stream(block.body) as stream:
                yield Block(block.first, stream.read_next_batch())
    if path.suffix == CLOSED and (end == 0 or end < path.stat().st_size):
        raise CorruptStore(f"{path}: what follows byte {end} is no whole block of frames")


class Bounds(NamedTuple):
    """Microseconds at which a segment's first and last frames were received."""

    first_at: int
    last_at: int


def bounds(path: Path) -> Bounds | None:
    """The bounds of a segment, reading two blocks; None where it has no whole one yet."""
    found = _ends(path)
    return None if found is None else Bounds(found[0][1][0], found[1][1][-1])


def first_at(path: Path) -> int | None:
    """The microsecond at which a segment's first frame was received, reading one block; None where it is not whole."""
    found = next((b for b in _whole_blocks(path) if b.magic == FRAMES), None)
    if found is None:
        return None
    with pa.ipc.open_stream(found.body) as stream:
        at: int = stream.read_next_batch().column("received_at").cast(pa.int64())[0].as_py()
    return at


def count_of(path: Path) -> int:
    """How many frames a segment has, reading two blocks."""
    found = _ends(path)
    return 0 if found is None else found[1][0] + len(found[1][1]) - found[0][0]


_Times = tuple[int, list[int]]  # first arrival number of a block, and the times of its frames


def _ends(path: Path) -> tuple[_Times, _Times] | None:
    """The first and the last whole block of frames."""
    with _found(path) as file:
        size, places = os.fstat(file.fileno()).st_size, []
        end = 0
        while end + _HEAD.size <= size:
            file.seek(end)
            head = _HEAD.unpack(file.read(_HEAD.size))
            begin, end = end + _HEAD.size, end + _HEAD.size + head[1]
            if end <= size and head[0] == FRAMES:
                places.append((begin, head))
        first = next(((head[3], times) for at, head in places if (times := _times(file, at, head))), None)
        last = next(((head[3], times) for at, head in reversed(places) if (times := _times(file, at, head))), None)
    return None if first is None or last is None else (first, last)


def _times(file: BinaryIO, begin: int, head: tuple[bytes, int, int, int]) -> list[int] | None:
    """Times of a block's frames; None of one that is not whole."""
    file.seek(begin)
    body = file.read(head[1])
    if head[2] != _crc(head[3], body):
        return None
    with pa.ipc.open_stream(body) as stream:
        found: list[Any] = stream.read_next_batch().column("received_at").cast(pa.int64()).to_pylist()
    return found


def connection_of(path: Path) -> Connection:
    """Whose frames a segment holds. CorruptStore where it does not say so."""
    block = next(_whole_blocks(path), None)
    if block is None or block.magic != ABOUT:
        raise CorruptStore(f"{path} is not a segment of frames")
    fields = json.loads(block.body)
    del fields["code_version"]
    return Connection(**fields)


def instruments_of(path: Path) -> list[Instrument]:
    """What the connection of a segment was opened for. CorruptStore where that is not there."""
    try:
        return msgspec.json.decode((path.parent / INSTRUMENTS).read_bytes(), type=list[Instrument])
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise CorruptStore(f"{path.parent / INSTRUMENTS}: {error}") from error


def segments(root: Path) -> list[Path]:
    """All segments below a folder, closed and open, by venue, connection and first arrival number."""
    return sorted(p for p in root.glob("*/*/*") if p.suffix in (OPEN, CLOSED))


def left_open(root: Path, listener: str, *, before: int | None = None) -> list[Path]:
    """Open segments of a listener, of epochs below ``before`` where that is given. A file that does not say whose it
    is has no writer: a segment says so from its first instant."""
    found = []
    for path in segments(root):
        if path.suffix == OPEN:
            with suppress(FileNotFoundError):  # one that was closed and deleted since it was listed is not open
                about = _about(path)
                if about is None or (about.listener == listener and (before is None or about.epoch < before)):
                    found.append(path)
    return found


def last_write(root: Path, listener: str) -> datetime | None:
    """When a listener wrote last to any of its segments, open or closed; None where it has none."""
    written = [0.0]
    for _, group in groupby(segments(root), lambda p: p.parent):
        with suppress(FileNotFoundError):  # another's, that was closed or deleted since it was listed
            paths = list(group)
            about = _about(paths[0])
            if about is not None and about.listener == listener:
                written += [p.stat().st_mtime for p in paths]
    return datetime.fromtimestamp(max(written), UTC) if len(written) > 1 else None


def _about(path: Path) -> Connection | None:
    try:
        return connection_of(path)
    except CorruptStore:
        return None


@dataclass(frozen=True)
class _Stored:
    magic: bytes
    first: int
    body: bytes
    end: int


def block(magic: bytes, first: int, body: bytes) -> bytes:
    return _HEAD.pack(magic, len(body), _crc(first, body), first) + body


def _crc(first: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(first.to_bytes(8, "little")))


def _whole_blocks(path: Path) -> Iterator[_Stored]:
    """Blocks up to the first that is not whole; nothing of a file whose first block is not."""
    with _found(path) as file:
        size, end = os.fstat(file.fileno()).st_size, 0
        while end + _HEAD.size <= size:
            wanted = FRAMES if end else ABOUT
            magic, length, crc, first = _HEAD.unpack(file.read(_HEAD.size))
            end += _HEAD.size + length
            if magic != wanted or end > size:
                return
            body = file.read(length)
            if crc != _crc(first, body):
                return
            yield _Stored(magic, first, body, end)


def _found(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        if path.suffix != OPEN:
            raise
        return path.with_suffix(CLOSED).open("rb")  # its writer has closed it since it was listed


def batch_of(times: list[int], payloads: list[bytes]) -> pa.RecordBatch:
    columns: list[pa.Array[Any]] = [pa.array(times, pa.int64()).cast(_TIME), pa.array(payloads, pa.binary())]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def renamed(path: Path, suffix: str) -> Path:
    target = path.with_suffix(suffix)
    path.rename(target)
    fsync_folder(path.parent)
    return target


def fsync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def space(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"{where}: no space left for frames") from error
        raise
