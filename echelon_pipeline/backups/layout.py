"""What a folder of backups contains.

Belongs here: names, the list of files, finding a backup. A folder of backups has one folder per backup:

    20261120T120000Z/
      backup.json      when, of which home, by which version, table versions, number of files; written last
      files.jsonl      every file below with size, sha256 and mode
      settings.env     the environment's settings without secrets
      lake/            Delta tables
      home/            recordings, state database, recorded settings, Dagster's configuration

A folder that is being written has another name. A backup is whole if it has its name and ``backup.json``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from echelon_pipeline.errors import CorruptStore, NewerLake, NotFound
from echelon_pipeline.lake.checksums import checksum
from echelon_pipeline.streams.segments import fsync_folder

FORMAT = 1
ABOUT = "backup.json"
FILES = "files.jsonl"
ENVIRONMENT = "settings.env"
LAKE, HOME = "lake", "home"
SWITCHES = "dagster/switches.json"
_NAME = re.compile(r"\d{8}T\d{6}Z")
_PART, _DELETED = ".part", ".deleted"


class Entry(msgspec.Struct, frozen=True):
    """One file of a backup: its path in the backup, its bytes, and the permissions of the original."""

    name: str
    size: int
    sha256: str
    mode: int


@dataclass(frozen=True)
class About:
    """The content of ``backup.json``. ``began_at``: the instant of the lake's table versions, as ISO 8601. ``lake``: an
    object store's URL, if its tables are not in the backup; else empty. ``secrets``: names of secrets that were set."""

    format: int
    version: str
    began_at: str
    ended_at: str
    home: str
    lake: str
    tables: Mapping[str, int]
    secrets: tuple[str, ...]
    files: int
    bytes: int
    files_sha256: str


@dataclass(frozen=True)
class Backup:
    """A whole backup."""

    folder: Path
    about: About

    def entries(self) -> list[Entry]:
        """Every file of the backup. Raises CorruptStore if the list is not as it was written."""
        path = self.folder / FILES
        if not path.is_file() or checksum(path) != self.about.files_sha256:
            raise CorruptStore(f"{path} is missing or was changed: use another backup")
        decode = msgspec.json.Decoder(Entry).decode
        return [decode(line) for line in path.read_bytes().splitlines()]


def name_of(at: datetime) -> str:
    """The name of a backup's folder."""
    return f"{at:%Y%m%dT%H%M%SZ}"


def backups(target: Path) -> list[Backup]:
    """Whole backups of a folder, newest first."""
    folders = sorted(target.iterdir(), reverse=True) if target.is_dir() else []
    return [read(f) for f in folders if _NAME.fullmatch(f.name) and (f / ABOUT).is_file()]


def find(source: Path) -> Backup:
    """The backup in this folder, or the newest one of a folder of backups. Raises NotFound, CorruptStore, NewerLake."""
    if (source / ABOUT).is_file():
        if source.name.endswith((_PART, _DELETED)):
            raise NotFound(f"{source} is not a whole backup: it was being written or deleted")
        return read(source)
    found = backups(source)
    if not found:
        raise NotFound(f"{source}: no whole backup there (a folder named like 20261120T120000Z with {ABOUT})")
    return found[0]


def read(folder: Path) -> Backup:
    """A backup. Raises CorruptStore, NewerLake."""
    path = folder / ABOUT
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        number = fields["format"]
        if number > FORMAT:
            raise NewerLake(
                f"{path}: the backup has format {number}, this code knows {FORMAT}: upgrade echelon-pipeline"
            )
        return Backup(folder, About(**{**fields, "secrets": tuple(fields["secrets"])}))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CorruptStore(f"{path} cannot be read ({type(error).__name__}): use another backup") from None


def begun(target: Path, name: str) -> Path:
    """The folder in which a backup is written before it has its name."""
    return target / f"{name}{_PART}"


def leftovers(target: Path) -> list[Path]:
    """Folders of interrupted backups and deletions."""
    folders = target.iterdir() if target.is_dir() else ()
    return sorted(f for f in folders if f.suffix in (_PART, _DELETED) and _NAME.fullmatch(f.stem))


def finish(part: Path, about: Mapping[str, object], entries: Iterable[Entry]) -> Backup:
    """Makes everything durable, writes the lists and gives the folder its name."""
    encode = msgspec.json.Encoder().encode
    some = sorted(entries, key=lambda entry: entry.name)
    with _private(part / FILES).open("wb") as file:
        file.writelines(encode(entry) + b"\n" for entry in some)
    os.sync()  # one call for thousands of small files
    whole = About(
        **{
            **about,
            "format": FORMAT,
            "files": len(some),
            "bytes": sum(entry.size for entry in some),
            "files_sha256": checksum(part / FILES),
        }  # type: ignore[arg-type]
    )
    with _private(part / ABOUT).open("w", encoding="utf-8") as file:
        file.write(json.dumps(asdict(whole), indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fsync_folder(part)
    folder = part.with_name(part.stem)
    part.rename(folder)
    fsync_folder(folder.parent)
    return Backup(folder, whole)


def delete(backup: Backup) -> None:
    """Deletes a backup; a kill leaves no half of it under its name."""
    doomed = backup.folder.with_name(f"{backup.folder.name}{_DELETED}")
    backup.folder.rename(doomed)
    shutil.rmtree(doomed)


def _private(path: Path) -> Path:
    path.touch(mode=0o600)
    return path
