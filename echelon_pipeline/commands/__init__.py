"""The subcommands of ``echelon``: options in, one call into a room below, something readable out.

    common.py          settings, log and consoles, shared by all
    faults.py          errors of the system and of libraries, in our words
    visible.py         text of venues that cannot steer a terminal
    progress.py        the progress callback, as a bar or as lines
    render.py          query results as table, csv, json or markdown
    work.py            ingest, derive, refresh, publish, maintain
    rederive.py        rederive
    imports.py         import
    query.py           sql
    latest.py          latest
    configuration.py   settings
    health.py          doctor
    upkeep.py          prune, reconcile
    stream.py          record, replay, book
    listeners.py       listeners
    demo.py            demo
    serve.py           sandbox, ui
    presence.py        one ``ui`` per home
    webserver.py       Dagster's pages behind the same-origin rule

No business rules here. Heavy modules (Dagster, pyarrow) are imported inside the commands that need
them, so that ``echelon --help`` answers at once.
"""
