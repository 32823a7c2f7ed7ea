"""Finds tables that vanished or went back since the last publication: an unmounted disk, a lost log, a restored copy.

Belongs here: comparing the lake with the last publication, and the register of tables that were rebuilt on purpose.
An empty folder at the mount point of the lake looks like a new lake. Publishing or computing from it would remove all
data for readers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import sqlalchemy as sa

from echelon_pipeline.errors import CorruptStore, NotFound
from echelon_pipeline.lake.delta import TableVersion
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.publish.publications import PublishedFile, PublishedTable, last_published_file
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.statements import put
from echelon_pipeline.state.tables import REBUILT_TABLES

_NONE = ""  # the table does not exist


def require_intact_lake(settings: Settings) -> None:
    """Raises CorruptStore if a table vanished or went back since the last publication, unless it was registered."""
    last = last_published_file(settings.published_file.absolute())
    if last is not None:
        lake = Lake.of(settings)
        require_lineage(settings, last, {n: lake.open(n) for n in last.tables if n in lake.tables})


def guarded_refresh(settings: Settings, *, run_id: str | None = None) -> Refresh:
    """A refresh that raises CorruptStore before it computes anything if the lake is not intact."""
    return Refresh(settings, run_id=run_id, guard=require_intact_lake)


def require_lineage(settings: Settings, last: PublishedFile, opened: Mapping[str, TableVersion | None]) -> None:
    """The same as ``require_intact_lake`` for tables that are already open."""
    broken = {n: text for n, table_version in opened.items() if (text := _fault(last.tables.get(n), table_version))}
    if not broken:
        return
    accepted = _accepted(settings)
    for name in list(broken):
        if name in accepted and _is_accepted(accepted[name], opened[name]):
            del broken[name]
    if broken:
        shown = "; ".join(f"{name} {text}" for name, text in sorted(broken.items())[:3])
        more = f" and {len(broken) - 3} more tables" if len(broken) > 3 else ""
        raise CorruptStore(
            f"{settings.lake_root} is not the lake that publication {last.sequence} was made from: {shown}{more}. "
            "Nothing was published or computed. Is its disk mounted? If these tables were rebuilt or restored on "
            "purpose, say so: `echelon publish --rebuilt TABLE` (or `--rebuilt all`)."
        )


def register_rebuilt(settings: Settings, tables: Collection[str]) -> dict[str, str]:
    """Records that tables were rebuilt or restored on purpose; returns a description of each table's current version.

    Raises NotFound for a table that is not in the registry.
    """
    lake = Lake.of(settings)
    names = sorted(lake.tables if "all" in tables else tables)
    unknown = [name for name in names if name not in lake.tables]
    if unknown:
        raise NotFound(f"not in the registry of tables: {', '.join(unknown)}")
    registered: dict[str, str] = {}
    with State.of(settings) as state, state.begin() as connection:
        for name in names:
            table_version = lake.open(name)
            row: dict[str, object] = {"table_id": _NONE, "version": -1}
            if table_version is not None:
                row = {"table_id": table_version.table_id, "version": table_version.version}
            row |= {"lake": settings.lake_root, "name": name, "noted_at": datetime.now(UTC).timestamp()}
            put(connection, REBUILT_TABLES, row)
            registered[name] = f"version {table_version.version}" if table_version else "does not exist"
    return registered


def _fault(made: PublishedTable | None, table_version: TableVersion | None) -> str:
    """How a table contradicts its last publication; "" if it does not."""
    if made is None or made.version is None:
        return ""
    if table_version is None:
        return f"has vanished (it had version {made.version} and {made.rows:,} rows)"
    if made.table_id is not None and made.table_id != table_version.table_id:
        return f"is another table than the one published (version {table_version.version}, before {made.version})"
    if table_version.version < made.version:
        return f"went back from version {made.version} to {table_version.version}"
    return ""


def _accepted(settings: Settings) -> dict[str, tuple[str, int]]:
    query = sa.select(REBUILT_TABLES).where(REBUILT_TABLES.c.lake == settings.lake_root)
    with State.of(settings) as state, state.read() as connection:
        rows = connection.execute(query).all()
    return {row.name: (row.table_id, int(row.version)) for row in rows}


def _is_accepted(registered: tuple[str, int], table_version: TableVersion | None) -> bool:
    """Whether a table is at the registered version or at a later one."""
    table_id, version = registered
    if table_version is None:
        return table_id == _NONE
    return table_id in (_NONE, table_version.table_id) and table_version.version >= version
