"""Segments: what was durable is read again whatever happened, and nothing else is."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.errors import CorruptStore, DiskFull
from echelon_pipeline.streams import segments as module
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.segments import (
    CLOSED,
    INSTRUMENTS,
    OPEN,
    TORN,
    Connection,
    bounds,
    connection_of,
    count_of,
    last_write,
    left_open,
    read,
    recover,
    segments,
)

KALSHI = Connection("kalshi", "all", 3, 0, "20261120T120000-a1", "wss://example.test/trade-api/ws/v2")
Frame = tuple[int, bytes]

frames = st.lists(st.tuples(st.integers(0, 2**50), st.binary(max_size=200)), max_size=12)


def written(root: Path, *blocks: list[Frame], close: bool = True) -> Path:
    """A segment of these blocks."""
    log = Log(root, KALSHI)
    for block in blocks:
        for at, payload in block:
            log.add(at, payload)
        log.flush()
    if close:
        path = log.rotate()
        assert path is not None
        return path
    log.abandon()
    [path] = segments(root)
    return path


def held(path: Path) -> list[Frame]:
    """Frames of a closed segment; their arrival numbers have no gap."""
    found: list[Frame] = []
    for block in read(path):
        assert block.first == len(found)
        found += block.pairs()
    return found


@settings(deadline=None)  # each example waits for the disk
@given(blocks=st.lists(frames.filter(bool), min_size=1, max_size=4))
def test_frames_are_read_as_they_arrived(tmp_path_factory: pytest.TempPathFactory, blocks: list[list[Frame]]) -> None:
    path = written(tmp_path_factory.mktemp("log"), *blocks)
    assert held(path) == [frame for block in blocks for frame in block]
    assert connection_of(path) == KALSHI


@given(data=st.data())
def test_a_torn_segment_keeps_every_whole_block_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    blocks = [[(n, b"frame %d" % n) for n in range(b * 5, b * 5 + 5)] for b in range(3)]
    path = written(tmp_path_factory.mktemp("log"), *blocks, close=False)
    whole = path.read_bytes()
    ends = [block.end for block in module._whole_blocks(path)]
    cut = data.draw(st.integers(0, len(whole)))
    garbage = data.draw(st.sampled_from([b"", b"\x00" * 64, b"\xff" * 9, whole[:40]]))
    path.write_bytes(whole[:cut] + garbage)
    kept = max((n for n, end in enumerate(ends) if end <= cut), default=0)
    closed = recover(path)
    found = held(closed) if closed else []
    # What stands behind the cut may be the very bytes that were cut off.
    assert found in [[frame for block in blocks[:n] for frame in block] for n in range(kept, 4)]
    if closed is None:
        assert segments(path.parents[2]) == []
        assert path.with_suffix(TORN).exists()
    else:
        assert recover(closed) == closed


@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_is_never_read_as_frames(
    tmp_path_factory: pytest.TempPathFactory, place: float, flip: int
) -> None:
    blocks = [[(n, b'{"seq":%d}' % n) for n in range(b * 5, b * 5 + 5)] for b in range(2)]
    path = written(tmp_path_factory.mktemp("log"), *blocks, close=False)
    changed = bytearray(path.read_bytes())
    changed[int(place * len(changed))] ^= flip
    path.write_bytes(bytes(changed))
    closed = recover(path)
    found = held(closed) if closed else []
    assert found in ([], blocks[0], blocks[0] + blocks[1])


def test_what_is_behind_a_damaged_block_is_set_aside_not_thrown_away(tmp_path: Path) -> None:
    blocks = [[(n, b"frame %d" % n)] for n in range(3)]
    path = written(tmp_path, *blocks, close=False)
    whole, ends = path.read_bytes(), [block.end for block in module._whole_blocks(path)]
    changed = bytearray(whole)
    changed[ends[1] + 30] ^= 1  # in the second block of frames
    path.write_bytes(changed)
    closed = recover(path)
    assert closed is not None
    assert held(closed) == blocks[0]
    assert closed.with_suffix(TORN).read_bytes() == bytes(changed[ends[1] :])


def test_a_whole_segment_leaves_nothing_aside(tmp_path: Path) -> None:
    closed = recover(written(tmp_path, [(1, b"a")], close=False))
    assert closed is not None
    assert not closed.with_suffix(TORN).exists()


def test_a_closed_segment_that_was_damaged_is_an_error_not_a_shorter_one(tmp_path: Path) -> None:
    path = written(tmp_path, [(1, b"a")], [(2, b"b" * 100)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CorruptStore, match="no whole block"):
        held(path)


def test_a_file_that_is_no_segment_is_named(tmp_path: Path) -> None:
    path = tmp_path / f"0{CLOSED}"
    path.write_bytes(b"something else")
    with pytest.raises(CorruptStore, match="is not a segment"):
        connection_of(path)
    with pytest.raises(CorruptStore):
        list(read(path))


def test_durable_is_what_an_fsync_has_returned_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path, KALSHI)
    assert [log.add(n, b"x") for n in range(3)] == [0, 1, 2]
    assert (log.durable, log.waiting_bytes) == (0, 3)
    assert log.flush() == 3
    assert (log.durable, log.waiting_bytes) == (3, 0)
    log.add(3, b"y")
    taken = log.take()
    log.add(4, b"z")
    assert log.write(taken) == 4
    assert log.waiting_bytes == 1

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="no space left"):
        log.flush()
    assert log.durable == 4
    log.abandon()


def test_each_segment_begins_where_the_last_one_ended(tmp_path: Path) -> None:
    log = Log(tmp_path, KALSHI)
    for number in range(4):
        log.add(number, b"frame %d" % number)
        log.flush()
        if number % 2:
            log.rotate()
    assert log.rotate() is None
    first, second = segments(tmp_path)
    assert [p.name for p in (first, second)] == [f"000000000000{CLOSED}", f"000000000002{CLOSED}"]
    assert [block.first for block in read(second)] == [2, 3]


def test_a_connection_is_never_logged_twice(tmp_path: Path) -> None:
    Log(tmp_path, KALSHI)
    with pytest.raises(FileExistsError):
        Log(tmp_path, KALSHI)


def test_an_open_segment_is_listed_until_it_is_recovered(tmp_path: Path) -> None:
    path = written(tmp_path, [(1, b"a")], close=False)
    assert path.suffix == OPEN
    assert recover(path) == path.with_suffix(CLOSED)
    assert segments(tmp_path) == [path.with_suffix(CLOSED)]


def test_nothing_is_written_behind_a_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later frames would get the numbers of those that are missing."""
    log, fsync = Log(tmp_path, KALSHI), os.fsync
    log.add(1, b"kept")
    log.flush()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    log.add(2, b"lost")
    with pytest.raises(DiskFull):
        log.flush()
    monkeypatch.setattr(os, "fsync", fsync)
    log.add(3, b"later")
    for work in (log.flush, log.rotate):
        with pytest.raises(DiskFull):
            work()
    log.abandon()
    assert log.durable == 1
    [path] = segments(tmp_path)
    assert path.suffix == OPEN
    found = [payload for block in read(path) for _, payload in block.pairs()]
    assert found[0] == b"kept"
    assert b"later" not in found


def test_what_a_full_disk_had_no_room_for_does_not_stop_the_end(tmp_path: Path) -> None:
    """What a buffer holds is written when its file is closed: that fails as well."""
    log = Log(tmp_path, KALSHI)
    log.add(1, b"x")
    log.flush()
    assert log._segment is not None
    descriptor = log._segment._file.fileno()
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, descriptor)
    os.close(full)
    log.add(2, b"y")
    with pytest.raises(DiskFull):
        log.flush()
    log.abandon()
    assert log.durable == 1


@pytest.mark.parametrize("calls", range(1, 12))
def test_a_segment_says_whose_it_is_from_its_first_instant(
    tmp_path: Path, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever its making breaks off: whoever recovers must not guess whose it is."""
    left, fsync = calls, os.fsync

    def broken(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", broken)
    with suppress(OSError):
        log = Log(tmp_path, KALSHI)
        try:
            for number in range(3):
                log.add(number, b"x")
                log.flush()
        finally:
            log.abandon()
    for path in segments(tmp_path):
        assert connection_of(path) == KALSHI
        assert left_open(tmp_path, "all") == [path]
        assert left_open(tmp_path, "another") == []


def test_the_last_sign_of_life_of_who_was_killed_is_its_last_write_also_between_two_segments(tmp_path: Path) -> None:
    assert last_write(tmp_path, "all") is None
    path = written(tmp_path, [(1, b"a")])
    os.utime(path, (1_000, 1_000))
    assert last_write(tmp_path, "all") == datetime.fromtimestamp(1_000, UTC)
    assert last_write(tmp_path, "another") is None


def test_a_file_that_says_nothing_is_left_by_nobody_alive(tmp_path: Path) -> None:
    path = written(tmp_path, [(1, b"a")], close=False)
    path.write_bytes(b"")
    assert left_open(tmp_path, "record") == [path]
    assert recover(path) is None
    assert segments(tmp_path) == []


def test_what_frames_are_read_with_is_as_durable_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut leaves no folder without a name, and no empty list of instruments."""
    synced: set[int] = set()

    def noted(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", noted)
    log = Log(tmp_path, KALSHI)
    needed = (log.folder / INSTRUMENTS, log.folder, log.folder.parent, tmp_path)
    assert {path.stat().st_ino for path in needed} <= synced


def test_a_segment_that_is_closed_after_it_was_listed_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, [(1, b"a")], close=False)
    assert recover(path) is not None
    assert held(path) == [(1, b"a")]
    assert connection_of(path) == KALSHI


def write_until_killed(root: Path) -> None:
    """Logs frames and notes, after each flush, how many are durable."""
    log = Log(root, KALSHI)
    with (root / "durable").open("w") as told:
        for number in range(1_000_000):
            log.add(number, b"frame %d" % number)
            if number % 50 == 0:
                log.flush()
                told.write(f"{log.durable}\n")
                told.flush()
            if number % 2_000 == 0:
                log.rotate()


def killed(root: Path, seconds: float) -> None:
    """Kills a writer and checks that every durable frame is read, once, and nothing that never arrived."""
    root.mkdir()
    worker = multiprocessing.get_context("spawn").Process(target=write_until_killed, args=(root,))
    worker.start()
    told = root / "durable"
    while not told.exists() or not told.stat().st_size:
        time.sleep(0.01)
    time.sleep(seconds)
    os.kill(worker.pid or 0, signal.SIGKILL)
    worker.join()
    durable = int(told.read_text().split("\n")[-2])  # what follows the last line end may be half a number
    found: list[bytes] = []
    for path in filter(None, map(recover, segments(root))):
        for block in read(path):
            assert block.first == len(found)
            found += [payload for _, payload in block.pairs()]
    assert len(found) >= durable
    assert found == [b"frame %d" % n for n in range(len(found))]


def test_a_killed_writer_loses_no_durable_frame(tmp_path: Path) -> None:
    for number, seconds in enumerate((0.02, 0.1, 0.3)):
        killed(tmp_path / str(number), seconds)


@pytest.mark.slow
def test_fifty_killed_writers_lose_no_durable_frame(tmp_path: Path) -> None:
    for number in range(50):
        killed(tmp_path / str(number), random.uniform(0, 0.5))


def test_a_writer_that_is_not_quite_dead_writes_into_nothing_once_its_segment_was_closed(tmp_path: Path) -> None:
    log = Log(tmp_path, KALSHI)
    log.add(1, b"before")
    log.flush()
    [path] = segments(tmp_path)
    closed = recover(path)
    log.add(2, b"after")
    log.flush()
    log.abandon()
    assert closed is not None
    assert [payload for block in read(closed) for _, payload in block.pairs()] == [b"before"]
    assert segments(tmp_path) == [closed]


def test_the_bounds_of_a_segment_are_those_of_its_whole_blocks(tmp_path: Path) -> None:
    log = Log(tmp_path, KALSHI)
    for at in (5, 6, 7):
        log.add(at, b"x")
        log.add(at, b"y")
        log.flush()
    first = log.rotate()
    log.add(9, b"z")
    log.flush()
    log.abandon()
    assert first is not None
    assert (bounds(first), count_of(first)) == ((5, 7), 6)
    [_, second] = segments(tmp_path)
    assert (bounds(second), count_of(second)) == ((9, 9), 1)
    second.write_bytes(second.read_bytes()[:-1])
    assert (bounds(second), count_of(second)) == (None, 0)
