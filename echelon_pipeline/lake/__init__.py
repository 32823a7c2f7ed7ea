"""The lake: Delta tables at pinned versions, raw payloads, ingest windows, and the session of a unit of work.

    lake.py         scan, append, merge, replace
    delta.py        the table format at a pinned version
    commits.py      how a commit happens: reports, retries, batches
    merge.py        what a merge changes
    datafiles.py    the data files of a merge or a mart
    changes.py      what changed since a version, from the log
    compaction.py   many small files to one
    checksums.py    a sha256 per data file
    damage.py       which file a failed read met
    verify.py       data files and payloads against their checksums
    faults.py       storage errors in our words
    raw.py          the append-only store of payloads
    retention.py    the payloads that a setting lets go
    windows.py      which intervals are complete
    session.py      what a unit of work needs

No venue's rules, no Dagster. Only this room opens the lake for writing.
"""
