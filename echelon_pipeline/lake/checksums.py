"""A sha256 of every data file, recorded when it is committed: what tells bit rot from what was written.

Belongs here: recording, reading and gathering checksums. Comparing them with the files is ``verify.py``'s.

They lie beside the log, ``<table>/_sha256/<version>.json``: one small file per commit, which says the sha256 of each
data file that the commit added; maintenance gathers them into one. Delta's own log has no room that lasts: what a
commit says of itself is gone with the log entry after seven days. Hashing costs about 1 ms per MB right after the file
was written, when the system still holds it in memory. An object store keeps its own checksums: nothing is recorded.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

_FOLDER = "_sha256"
_GATHERED = "gathered.json"

Checksums = dict[str, str]


def note(uri: str, version: int) -> None:
    """Records the files that a commit added. A crash before this leaves files without a checksum, which maintenance
    records later."""
    if "://" in uri:
        return
    entry = Path(uri, "_delta_log", f"{version:020d}.json")
    added = [json.loads(line)["add"] for line in entry.read_text(encoding="utf-8").splitlines() if '"add"' in line[:8]]
    _write(uri, f"{version:020d}.json", _of(uri, (unquote(a["path"]) for a in added)))


def known(uri: str) -> Checksums:
    """What is recorded of a table, by the data file's path below it. ValueError names a record that is no JSON."""
    found: Checksums = {}
    for path in sorted(_records(uri)):
        try:
            found |= json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
        except FileNotFoundError:
            continue  # gathered meanwhile
    return found


def gather(uri: str, current: Iterable[str]) -> int:
    """Puts all records of a table into one, without files that are gone, and records files that have none; how many
    those were. ``current``: paths of the data files of the latest version."""
    if "://" in uri or not Path(uri).is_dir():
        return 0
    records = [p for p in _records(uri) if p.name != _GATHERED]
    recorded = known(uri)
    missing = [p for path in current if (p := path.removeprefix(f"{uri}/")) not in recorded]
    if records or missing:
        kept = {path: value for path, value in recorded.items() if Path(uri, path).exists()}
        _write(uri, _GATHERED, kept | _of(uri, missing))
        for path in records:
            path.unlink(missing_ok=True)
    return len(missing)


def checksum(path: Path) -> str:
    """The sha256 of a file, hex, read a MiB at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of(uri: str, paths: Iterable[str]) -> Checksums:
    # A file may be gone already: a later commit dropped it and maintenance deleted it.
    return {path: checksum(file) for path in paths if (file := Path(uri, path)).exists()}


def _records(uri: str) -> list[Path]:
    folder = Path(uri, _FOLDER)
    return list(folder.glob("*.json")) if "://" not in uri and folder.is_dir() else []


def _write(uri: str, name: str, found: Mapping[str, str]) -> None:
    if not found:
        return
    folder = Path(uri, _FOLDER)
    folder.mkdir(exist_ok=True)
    building = folder / f"{name}.{secrets.token_hex(4)}.building"
    building.write_text(json.dumps(found, sort_keys=True), encoding="utf-8")
    building.replace(folder / name)
