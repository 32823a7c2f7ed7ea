"""Echelon Pipeline: Polymarket and Kalshi in tables that can be trusted.

The rooms, from the top down. A room imports only rooms below it (a test holds this):

    cli.py, definitions.py, defs/   the command and the Dagster wiring; no business rules
    ingest/                         units of work: fetch, keep raw, derive, commit, say what is complete
    sandbox/                        both venues on loopback, for demos and tests
    streaming/                      a listener's shift: the log of every frame that arrived
    venues/                         talk to a venue: URLs, paging, limits, payload kinds; no Dagster
    books/                          exact order books from a stream's frames, and how far to believe them
    warehouse/                      the only room that opens the lake, DuckDB, Postgres or the state database
    domain/                         pure functions on values and frames; no network, no clock, no disk
    tables/                         the schema registry: columns, types, units, keys, grain
    settings.py, errors.py          the only reader of the environment; the error tree
    stopping.py                     how a signal ends a process at any step
    memory.py                       allocator settings of the process

SQL lives in ``sql/`` at the top of the repository, one statement per file.
"""

from echelon_pipeline.memory import tame

__version__ = "0.1.0"

tame()  # before duckdb, deltalake and pyarrow are imported: they read it when they are loaded
