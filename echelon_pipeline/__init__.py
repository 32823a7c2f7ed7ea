"""Echelon Pipeline: Polymarket and Kalshi in reliable tables.

The rooms, from the ground up. A room imports only rooms above it in this list (a test holds this):

    errors.py       the error tree
    memory.py       allocator settings of the process
    signals.py      signal handlers of a process
    stopping.py     ends a process at any step after a signal
    clocks.py       the time that a recording sees
    settings/       the only reader of the environment and of paths
    hosting/        common parts of server processes: a free port, an end with the parent
    sqltools/       statements from sql/, SQL text, typed casts, DuckDB connections
    tables/         the schema registry: columns, types, units, keys, grain
    domain/         pure functions on values; no network, no clock, no disk
    books/          exact order books from a stream's frames; fast/: the same compiled
    venues/         talk to a venue: URLs, paging, limits, payload kinds; no Dagster
    lake/           Delta tables, raw payloads, ingest windows
    state/          the state database: leases, listeners, latest states
    alerts/         alerts to people: a webhook, mail
    marts/          tables computed by one SQL statement each
    publish/        the DuckDB file and the mirror in Postgres
    reading/        the reader for Python
    streams/        recording of frames, replay, tables of books
    ingest/         units of work: fetch, store raw, derive, commit, record windows
    backups/        backups of a home, and their restoration
    sandbox/        both venues on loopback, for demos and tests
    ops/            the doctor, maintenance, health, generated pages
    defs/           Dagster wiring; no business rules
    definitions.py  the module that Dagster loads
    commands/       the subcommands
    cli.py          the command

SQL lives in ``sql/`` at the top of the repository, one statement per file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from echelon_pipeline.memory import tame

if TYPE_CHECKING:
    from echelon_pipeline.reading.opening import open  # noqa: A004
    from echelon_pipeline.reading.order_books import Book, Level
    from echelon_pipeline.reading.publication import PublicationInfo
    from echelon_pipeline.reading.warehouse import Warehouse

__all__ = ["Book", "Level", "PublicationInfo", "Warehouse", "open"]
__version__ = "0.1.0"

# What readers import from here. Importing the package alone imports neither DuckDB nor polars.
_EXPORTS = {
    "open": "opening",
    "Warehouse": "warehouse",
    "Book": "order_books",
    "Level": "order_books",
    "PublicationInfo": "publication",
}

tame()  # before duckdb, deltalake and pyarrow are imported: they read these settings when they are loaded


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.reading.{_EXPORTS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
