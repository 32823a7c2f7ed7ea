"""Copies the lake at one set of table versions.

Belongs here: the order in which versions are pinned, and the files of a version. Writers commit while this runs. They
commit data before the record that claims it (raw, then core tables, then windows; a mart, then its build). Versions are
pinned in the opposite order: a record in the backup never claims rows that the backup does not have. Rows without
their record are those of a run that was killed: the next run continues from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from deltalake import DeltaTable

from echelon_pipeline.backups.copying import Copier
from echelon_pipeline.backups.layout import LAKE
from echelon_pipeline.errors import Conflict, CorruptStore
from echelon_pipeline.lake.checksums import known
from echelon_pipeline.lake.delta import TableVersion
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.tables import COMMIT_ORDER, TABLES

_LOG = "_delta_log"
_LAST = "_last_checkpoint"
_CHECKSUMS = "_sha256/gathered.json"
# What claims rows of other tables, and is committed after them.
_CLAIMS = ("core.ingest_windows", "core.mart_builds", "core.rederivations", "raw.pages", "raw.last_seen")


def pinning_order() -> list[str]:
    """All tables, those that are committed last first."""
    marts = [name for name in TABLES if name.startswith("mart.")]
    raw = [name for name in TABLES if name.startswith("raw.") and name not in _CLAIMS]
    first = [*_CLAIMS, *marts]
    derived = [name for name in TABLES if name not in {*first, *COMMIT_ORDER, *raw}]
    return [*first, *derived, *reversed(COMMIT_ORDER), *raw]


def pin(lake: Lake) -> list[TableVersion]:
    """The latest version of every table, in pinning order. Reads only logs. Raises CorruptStore, NewerLake."""
    opened = (lake.open(name) for name in pinning_order())
    return [table_version for table_version in opened if table_version is not None]


def copy_logs(copier: Copier, pinned: list[TableVersion], root: str) -> None:
    """Copies logs up to the pinned versions. Soon after ``pin``: maintenance shortens logs."""
    for table_version in pinned:
        for path in _entries(Path(table_version.uri, _LOG), table_version.version):
            copier.copy(path, _name(path, root))


def copy_data(copier: Copier, table_version: TableVersion, root: str) -> None:
    """Copies the data files of one version, and checks that the copy opens with exactly these files.

    Raises CorruptStore for a file that is missing or is not what was committed, Conflict if the log was shortened
    meanwhile, DiskFull.
    """
    folder, recorded, kept = Path(table_version.uri), known(table_version.uri), {}
    for file in table_version.files:
        path, below = Path(file.path), file.path.removeprefix(f"{table_version.uri}/")
        try:
            entry = copier.copy_unchanging(path, _name(path, root), sha256=recorded.get(below))
        except FileNotFoundError:
            raise CorruptStore(f"{table_version.table.name}: {path} does not exist; see docs/operations.md") from None
        if entry.size != file.size:
            raise CorruptStore(f"{table_version.table.name}: {path} has {entry.size:,} bytes, the log {file.size:,}")
        kept[below] = entry.sha256
    if kept:
        copier.write(_name(folder / _CHECKSUMS, root), json.dumps(kept, sort_keys=True))
    _require_same(table_version, copier.part / _name(folder, root))


def _require_same(table_version: TableVersion, copy: Path) -> None:
    try:
        copied = TableVersion(table_version.table, str(copy), DeltaTable(str(copy)))
        is_same = copied.version == table_version.version and _below(copied) == _below(table_version)
    except Exception as error:
        raise Conflict(f"{table_version.table.name}: its log was shortened during the backup: run it again") from error
    if not is_same:
        raise Conflict(f"{table_version.table.name}: its log was changed during the backup: run it again")


def _below(table_version: TableVersion) -> list[str]:
    return [file.path.removeprefix(f"{table_version.uri}/") for file in table_version.files]


def _entries(log: Path, version: int) -> Iterator[Path]:
    """Log entries and checkpoints up to a version, and the pointer to the last checkpoint if that is one of them."""
    for path in sorted(log.iterdir()):
        number = path.name.split(".", 1)[0]
        if number.isdigit() and int(number) <= version:
            yield path
    last = log / _LAST
    if last.is_file() and int(json.loads(last.read_text(encoding="utf-8"))["version"]) <= version:
        yield last


def _name(path: Path, root: str) -> str:
    return f"{LAKE}/{path.relative_to(root).as_posix()}"
