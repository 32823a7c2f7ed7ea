"""Dagster wiring only: assets, checks, partitions, resources, jobs, schedules, hooks.

    build.py        all definitions of one home
    assets/         one module per kind of asset
    feeders.py      which assets write which tables
    checks.py       checks across tables
    partitions.py   UTC days and hours
    jobs.py         selections of assets
    refreshing.py   the refresh job
    rederiving.py   core tables again from raw: a job
    schedules.py    when what is read
    sensors.py      what follows from the outcome of a run
    listening.py    shifts of listeners, and the sensor that keeps them at work
    executor.py     the steps of a run in one process, which a signal ends
    hooks.py        what happens when a step fails
    report.py       metadata of definitions and of materializations
    plots.py        pictures in metadata
    console.py      console output of runs

No business rules, no SQL text, no sockets: an asset body opens a session, calls one function of
``ingest``, ``streams``, ``marts`` or ``publish`` and reports what it did.
"""
