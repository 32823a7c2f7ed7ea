"""The only room that opens the lake, DuckDB, Postgres or the state database.

    duck.py        DuckDB connections: limits, UTC, macros
    lake.py        what is read and written: scan, append, merge (delta.py: the format at a pinned version,
                   merge.py: what a merge changes, datafiles.py: the files of a merge, commits.py: how a commit
                   happens, faults.py: storage errors)
    raw.py         the append-only store of payloads
    windows.py     what is complete: ingest windows as interval sets
    publish.py     echelon.duckdb, built aside and swapped in (catalog.py: what is inside)
    postgres.py    the mirror in Postgres, swapped in one transaction (postgres_plan.py: what is copied,
                   postgres_tables.py: how a table looks there, postgres_faults.py: connection and errors)
    state.py       small mutable state (leases, counters) in SQLite or Postgres (listeners.py: what is listened to
                   all the time, and what each listener meant to watch when)
    latest.py      latest states of books, in SQLite or Redis, for as long as they are young
    watchable.py   what a listener can watch
    maintain.py    compaction, vacuum, sweeping of leftovers (retention.py: raw objects that a setting lets go)

No venue, no Dagster, no business rule lives here.
"""
