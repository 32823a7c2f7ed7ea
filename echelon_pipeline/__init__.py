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
    marts/          tables computed by one SQL statement each
    publish/        the DuckDB file and the mirror in Postgres
    streams/        recording of frames, replay, tables of books
    ingest/         units of work: fetch, store raw, derive, commit, record windows
    sandbox/        both venues on loopback, for demos and tests
    ops/            the doctor, maintenance, health, generated pages
    defs/           Dagster wiring; no business rules
    definitions.py  the module that Dagster loads
    commands/       the subcommands
    cli.py          the command

SQL lives in ``sql/`` at the top of the repository, one statement per file.
"""

from echelon_pipeline.memory import tame

__version__ = "0.1.0"

tame()  # before duckdb, deltalake and pyarrow are imported: they read these settings when they are loaded
