"""The subcommands of ``echelon``: each reads its options, calls one function of a lower room and prints the result.

    common.py          settings, log and consoles, shared by all subcommands
    faults.py          errors of the system and of libraries, as errors of this project
    visible.py         escapes control characters in text of venues
    progress.py        the progress callback, shown as a bar or as lines
    render.py          query results as table, csv, json or markdown
    work.py            ingest, derive, refresh, publish, maintain
    rederive.py        rederive
    imports.py         import
    query.py           sql
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
