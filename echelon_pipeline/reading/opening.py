"""``echelon_pipeline.open``: finds the published file of a path and gives a reader of it.

Belongs here: paths, and the parameters of a reader. ``publication.py`` opens the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from echelon_pipeline.errors import BadSettings, NotFound
from echelon_pipeline.reading.frames import Kind, Output, checked_kind
from echelon_pipeline.reading.publication import OpenPublication, Place
from echelon_pipeline.reading.warehouse import Warehouse

if TYPE_CHECKING:
    import os

    import pandas as pd
    import polars as pl
    import pyarrow as pa

FILE = "echelon.duckdb"
LAKE = "lake"


@overload
def open(  # noqa: A001
    path: str | os.PathLike[str] | None = None,
    *,
    to: Literal["polars"] = "polars",
    floats: bool = False,
    follow: bool = True,
    lake: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    memory_limit_mb: int | None = None,
) -> Warehouse[pl.DataFrame]: ...


@overload
def open(  # noqa: A001
    path: str | os.PathLike[str] | None = None,
    *,
    to: Literal["pandas"],
    floats: bool = False,
    follow: bool = True,
    lake: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    memory_limit_mb: int | None = None,
) -> Warehouse[pd.DataFrame]: ...


@overload
def open(  # noqa: A001
    path: str | os.PathLike[str] | None = None,
    *,
    to: Literal["arrow"],
    floats: bool = False,
    follow: bool = True,
    lake: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    memory_limit_mb: int | None = None,
) -> Warehouse[pa.Table]: ...


def open(  # noqa: A001
    path: str | os.PathLike[str] | None = None,
    *,
    to: Kind = "polars",
    floats: bool = False,
    follow: bool = True,
    lake: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    memory_limit_mb: int | None = None,
) -> Warehouse[Any]:
    """A reader of a published file.

    Args:
        path: A home, a published file or a kept copy of one. Default: the home of the settings (``ECHELON_HOME``,
            ``ECHELON_PUBLISHED``).
        to: The kind of results: ``"polars"``, ``"pandas"`` or ``"arrow"``.
        floats: Prices, sizes and money as floats. By default they are decimals, as they are stored.
        follow: Read a newer publication as soon as there is one. With False, all answers come from the publication
            that is there now.
        lake: Where the views over large tables find their files. Default: the lake of the home, or the lake at the
            time of the publication.
        threads: Threads of a query. Default: all cores.
        memory_limit_mb: Memory of a query, above which it spills to disk. Default: most of the machine's memory.

    Raises NotFound if nothing was published there, CorruptStore if the file is no publication or cannot be read,
    Conflict if another process has it open for writing, BadSettings if pandas is missing or settings are wrong.
    """
    output: Output[Any] = Output(checked_kind(to), floats)
    place = _place(path, None if lake is None else str(lake))
    return Warehouse(OpenPublication(place, threads=threads, memory_limit_mb=memory_limit_mb, follow=follow), output)


def _place(path: str | os.PathLike[str] | None, lake: str | None) -> Place:
    if path is None:
        from echelon_pipeline.settings import load_settings

        settings = load_settings()
        return Place(settings.published_file, lake or settings.lake_root)
    if "://" in str(path):
        raise BadSettings(f"{path} is a URL: expected the path of a home or of a published file")
    given = Path(path).expanduser()
    if not given.is_dir():
        return Place(given, lake)
    if not (given / FILE).exists():
        raise NotFound(
            f"{given} has no {FILE}: expected a home after `echelon demo` or `echelon publish`, or the path of a "
            "published file"
        )
    own = given / LAKE
    return Place(given / FILE, lake or (str(own.absolute()) if own.is_dir() else None))
