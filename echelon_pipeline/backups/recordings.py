"""Copies recorded frames while listeners write.

Belongs here: which bytes of a connection's folder are copied. Every frame that was durable when the copy began is in
it. The copy of an open segment ends at its last whole block and is closed: the restored home needs no recovery. What
the listener writes later is in the same segment of the next backup.
"""

from __future__ import annotations

from pathlib import Path

from echelon_pipeline.backups.copying import Copier, copy_bytes
from echelon_pipeline.backups.layout import HOME
from echelon_pipeline.lake.checksums import checksum
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.streams.segments import CLOSED, NEW, OPEN, TORN, recover
from echelon_pipeline.streams.watchlist import CHANGES


def copy_recordings(copier: Copier, root: Path, home: Path) -> int:
    """Copies every connection's folder; returns the number of segments."""
    return sum(_copy_connection(copier, folder, home) for folder in sorted(root.glob("*/*")) if folder.is_dir())


def _copy_connection(copier: Copier, folder: Path, home: Path) -> int:
    paths = sorted(folder.iterdir())
    count = sum(_copy_segment(copier, path, home) for path in paths if path.suffix in (OPEN, CLOSED))
    # After the segments: the changes of the watchlist are written before the frames that depend on them.
    for path in paths:
        if path.name == CHANGES:
            _copy_lines(copier, path, home)
        elif path.suffix not in (OPEN, CLOSED, NEW) and path.is_file():
            copier.copy(path, _name(path, home))
    return count


def _copy_segment(copier: Copier, path: Path, home: Path) -> bool:
    closed = path.with_suffix(CLOSED)
    if path.suffix == OPEN:
        try:
            return _copy_open(copier, path, home)
        except FileNotFoundError:  # its listener has closed it meanwhile
            (copier.part / _name(path, home)).unlink(missing_ok=True)
    copier.copy_unchanging(closed, _name(closed, home))
    return True


def _copy_open(copier: Copier, path: Path, home: Path) -> bool:
    """False if no block of frames is whole yet."""
    target = copier.part / _name(path, home)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with storage_faults(str(target)):
        copy_bytes(path, target)
        closed = recover(target)
    target.with_suffix(TORN).unlink(missing_ok=True)  # a block that was being written
    if closed is None:
        return False
    name = _name(path.with_suffix(CLOSED), home)
    copier.add(closed, name, closed.stat().st_size, checksum(closed), 0o600)
    return True


def _copy_lines(copier: Copier, path: Path, home: Path) -> None:
    """Whole lines only: the last one may be in the middle of being written."""
    text = path.read_bytes()
    copier.write(_name(path, home), text[: text.rfind(b"\n") + 1].decode())


def _name(path: Path, home: Path) -> str:
    return f"{HOME}/{path.relative_to(home).as_posix()}"
