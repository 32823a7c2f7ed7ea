"""Copies files into a backup.

Belongs here: bytes, checksums, hard links. A file that the last backup has under the same name and size, and that is
never changed after it was written (a data file, a closed segment), is linked in place of copied: each backup is whole
by itself, and only new files take time and space.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from echelon_pipeline.backups.layout import Backup, Entry
from echelon_pipeline.errors import CorruptStore
from echelon_pipeline.lake.checksums import checksum
from echelon_pipeline.lake.faults import storage_faults

_CHUNK = 2**20


class Copier:
    """Collects the files of one backup. ``last``: the backup to link from; ``left``: folders of interrupted ones."""

    def __init__(self, part: Path, last: Backup | None, left: Sequence[Path]) -> None:
        self.part = part
        self.entries: dict[str, Entry] = {}
        self.copied_files = self.copied_bytes = 0
        self._last = last
        self._left = left
        self._known: Mapping[str, Entry] = {e.name: e for e in last.entries()} if last else {}

    def copy(self, source: Path, name: str) -> Entry:
        """Copies a file that may change later. Raises FileNotFoundError, DiskFull, CorruptStore."""
        target = self._target(name)
        with storage_faults(str(target)):
            size, sha256 = copy_bytes(source, target)
        return self.add(target, name, size, sha256, _mode(source))

    def copy_unchanging(self, source: Path, name: str, *, sha256: str | None = None) -> Entry:
        """Copies or links a file that is never changed. ``sha256``: what its bytes must have.

        Raises FileNotFoundError, DiskFull, CorruptStore if its bytes are others.
        """
        size, target = source.stat().st_size, self._target(name)
        known = self._known.get(name)
        if known is not None and known.size == size and sha256 in (None, known.sha256) and self._linked(known, target):
            self.entries[name] = known
            return known
        if sha256 is not None and self._taken_over(name, size, sha256, target):
            return self.add(target, name, size, sha256, _mode(source))
        entry = self.copy(source, name)
        if sha256 is not None and entry.sha256 != sha256:
            raise CorruptStore(f"{source} is not what was committed (sha256); see docs/operations.md")
        return entry

    def add(self, target: Path, name: str, size: int, sha256: str, mode: int) -> Entry:
        """Lists a file that is in the backup."""
        self.copied_files += 1
        self.copied_bytes += size
        entry = self.entries[name] = Entry(name, size, sha256, mode)
        target.chmod(0o600)
        return entry

    def write(self, name: str, text: str) -> None:
        """Writes a small file of the backup itself."""
        target = self._target(name)
        target.write_text(text, encoding="utf-8")
        self.add(target, name, target.stat().st_size, checksum(target), 0o600)

    def _target(self, name: str) -> Path:
        target = self.part / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return target

    def _linked(self, known: Entry, target: Path) -> bool:
        if self._last is None:
            return False
        try:
            os.link(self._last.folder / known.name, target)
        except OSError:  # a file system without links, or with too many of this file
            return False
        return True

    def _taken_over(self, name: str, size: int, sha256: str, target: Path) -> bool:
        """Moves a whole file of an interrupted backup to its place in this one."""
        for before in (folder / name for folder in self._left):
            if before.is_file() and before.stat().st_size == size and checksum(before) == sha256:
                before.rename(target)
                return True
        return False


def copy_bytes(source: Path, target: Path) -> tuple[int, str]:
    """Copies bytes to a new file that its owner alone may read; returns their number and sha256."""
    digest, size = hashlib.sha256(), 0
    with (
        source.open("rb") as file,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy,
    ):
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
