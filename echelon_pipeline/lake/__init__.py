"""The lake: Delta tables at pinned versions, raw payloads, ingest windows, and the session of a unit of work.

    lake.py         append, merge, replace
    reading.py      scan: exact files of pinned versions
    delta.py        one pinned version of a Delta table: files, columns, SELECTs
    opening.py      opens, creates and migrates tables; the cache of opened handles
    commits.py      commit results, retries, batches
    merge.py        which rows a merge changes
    datafiles.py    writes the data files of a merge or a mart and commits them
    changes.py      which days changed since a version, read from the log
    compaction.py   rewrites many small files as one
    checksums.py    a sha256 per data file
    damage.py       finds the damaged file after a failed read
    verify.py       compares data files and payloads with their checksums
    faults.py       translates storage errors into DiskFull and CorruptStore
    raw.py          the append-only store of payloads
    retention.py    deletes payloads older than the retention setting
    windows.py      which intervals are complete
    session.py      what a unit of work needs: settings, lake, windows, clock, ids

Does not belong here: venue rules, Dagster. Only this room opens the lake for writing.
"""
