"""The state database: what is changed in place, in SQLite or Postgres.

    database.py        the connection, leases, the record of publications
    tenure.py          the lease of a listener's shift, and how it is handed on
    locks.py           one process at a time on this machine
    processes.py       which processes are alive
    listeners.py       listeners and what each declared to watch
    filters.py         which instruments a listener wants
    listener_files.py  listeners from a YAML file
    latest.py          the latest state of each book, in SQLite or Redis
    faults.py          database errors in our words
    sqlite_files.py    reading SQLite files without changing them

Nothing here reads or writes the lake.
"""
