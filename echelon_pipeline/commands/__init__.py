"""The subcommands of ``echelon``: options in, one call into a room below, something readable out.

    common.py     settings, log and consoles, shared by all
    progress.py   the progress callback, as a bar or as lines
    render.py     query results as table, csv, json or markdown
    query.py      sql
    work.py       ingest, import, publish, maintain
    serve.py      sandbox, ui
    stream.py     record, replay, book
    listeners.py  listeners
    demo.py       demo
    health.py     doctor

No business rules here. Heavy modules (Dagster, pyarrow) are imported inside the commands that need
them, so that ``echelon --help`` answers at once.
"""
