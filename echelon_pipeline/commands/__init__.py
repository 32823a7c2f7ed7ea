"""The subcommands of ``echelon``: each reads its options, calls one function of a lower room and prints the result.

    common.py          settings, log and consoles, shared by all subcommands
    faults.py          errors of the system and of libraries, as errors of this project
    visible.py         escapes control characters in text of venues
    progress.py        the progress callback, shown as a bar or as lines
    layout.py          query results for people: tables and records
    cells.py           values as a person reads them
    render.py          query results as csv, json, JSON lines or Markdown
    outputs.py         query results in files, also Parquet and Excel
    work.py            ingest, derive, refresh, publish, maintain
    rederive.py        rederive
    imports.py         import
    query.py           sql
    tables.py          tables
    report.py          report
    workbook.py        Excel files
    latest.py          latest
    configuration.py   settings
    health.py          doctor
    upkeep.py          prune, reconcile
    backup.py          backup, restore
    stream.py          record, replay, book
    listeners.py       listeners
    demo.py            demo
    serve.py           sandbox, ui
    presence.py        allows one ``ui`` per home
    webserver.py       Dagster's pages behind the same-origin rule

Business rules do not belong here. Commands import heavy modules (Dagster, pyarrow) inside their functions, so that
``echelon --help`` answers at once.
"""
