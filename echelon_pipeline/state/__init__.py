"""The state database: what is changed in place, in SQLite or Postgres.

    database.py        opening it, its transactions and clocks
    tables.py          its tables
    schema.py          bringing an older database to these tables
    migrations/        the steps of that
    statements.py      what SQLite and Postgres write differently
    leases.py          rights that one owner has at a time, with epochs
    holding.py         work that happens once at a time, under a lease
    shift_lease.py     the lease of a listener's shift, and how it is handed on
    processes.py       which processes are alive
    heartbeats.py      runs of other machines that are alive
    alerts.py          alerts that were raised, sent, or wait
    publications.py    which publications were made
    listeners.py       listeners
    intents.py         which instruments each listener watches, and when
    filters.py         which instruments a listener wants
    listener_files.py  listeners from a YAML file
    latest.py          the latest state of each book, in SQLite or Redis
    copies.py          copies for backups
    pauses.py          deletions that wait for a backup
    faults.py          database errors in our words
    sqlite_files.py    reading SQLite files without changing them

Nothing here reads or writes the lake.
"""
