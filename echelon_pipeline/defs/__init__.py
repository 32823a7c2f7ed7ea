"""Dagster wiring only: assets, checks, partitions, resources, jobs, schedules, hooks.

    build.py        all definitions of one home
    assets/         one module per kind of asset
    feeders.py      which assets write which tables
    checks.py       checks across tables
    partitions.py   UTC days and hours
    jobs.py         selections of assets
    refreshing.py   the refresh job
    rederiving.py   the job that derives core tables again from raw
    schedules.py    schedules of all jobs
    sensors.py      runs that follow other runs; dead runs
    alerting.py     alerts on failed runs and checks
    listening.py    the job of a listener's shift, and the sensor that starts shifts
    executor.py     runs all steps in one process, which a signal ends
    hooks.py        tags a run when a step fails
    measures.py     numbers of materializations
    references.py   links to the source
    report.py       metadata of definitions and of materializations
    run_config.py   configuration of single runs
    plots.py        plots in metadata
    console.py      console output of runs

Business rules, SQL text and sockets do not belong here: an asset's function opens a session, calls one function of
``ingest``, ``streams``, ``marts`` or ``publish`` and reports the result.
"""
