"""A sha256 of every data file, recorded at the commit: it detects bytes that changed on disk later.

Belongs here: recording, reading and consolidating checksums. ``verify.py`` compares them with the files.

Checksums are stored beside the log, in ``<table>/_sha256/<version>.json``: one small file per commit with the sha256
of each data file that the commit added. Maintenance consolidates them into one file. Delta's own log cannot store them
permanently: a commit's metadata is deleted with its log entry after seven days. Hashing costs about 1 ms per MB right
after the write, while the file is still in the system's cache. An object store has its own checksums: nothing is
recorded there.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

_FOLDER = "_sha256"
_CONSOLIDATED = "gathered.json"

Checksums = dict[str, str]


def record(uri: str, version: int) -> None:
    """Records checksums of the files that a commit added. After a crash before this call, maintenance records them."""
    if "://" in uri:
        return
    entry = Path(uri, "_delta_log", f"{version:020d}.json")
    added = [json.loads(line)["add"] for line in entry.read_text(encoding="utf-8").splitlines() if '"add"' in line[:8]]
    _write(uri, f"{version:020d}.json", _of(uri, (unquote(a["path"]) for a in added)))


def known(uri: str) -> Checksums:
    """Recorded checksums of a table, by the data file's path below it. ValueError names a record that is not JSON."""
    checksums: Checksums = {}
    for path in sorted(_records(uri)):
        try:
            checksums |= json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
        except FileNotFoundError:
            continue  # maintenance consolidated it after it was listed
    return checksums


def consolidate(uri: str, current: Iterable[str]) -> int:
    """Merges all records of a table into one, drops deleted files and adds missing checksums; returns how many it
    added. ``current``: paths of the data files of the latest version."""
    if "://" in uri or not Path(uri).is_dir():
        return 0
    records = [p for p in _records(uri) if p.name != _CONSOLIDATED]
    recorded = known(uri)
    missing = [p for path in current if (p := path.removeprefix(f"{uri}/")) not in recorded]
    if records or missing:
        kept = {path: value for path, value in recorded.items() if Path(uri, path).exists()}
        _write(uri, _CONSOLIDATED, kept | _of(uri, missing))
        for path in records:
            path.unlink(missing_ok=True)
    return len(missing)


def checksum(path: Path) -> str:
    """The sha256 of a file in hex, computed without reading the whole file into memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of(uri: str, paths: Iterable[str]) -> Checksums:
    # A file may not exist any more: a later commit dropped it and maintenance deleted it.
    return {path: checksum(file) for path in paths if (file := Path(uri, path)).exists()}


def _records(uri: str) -> list[Path]:
    folder = Path(uri, _FOLDER)
    return list(folder.glob("*.json")) if "://" not in uri and folder.is_dir() else []


def _write(uri: str, name: str, checksums: Mapping[str, str]) -> None:
    if not checksums:
        return
    folder = Path(uri, _FOLDER)
    folder.mkdir(exist_ok=True)
    building = folder / f"{name}.{secrets.token_hex(4)}.building"
    building.write_text(json.dumps(checksums, sort_keys=True), encoding="utf-8")
    building.replace(folder / name)
