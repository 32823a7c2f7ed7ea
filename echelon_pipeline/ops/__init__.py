"""Operates a home: runs of jobs, the doctor and its probes, maintenance, health, generated pages.

    doctor.py          checks this installation
    venue_probes.py    checks that each venue answers, and compares its clock with ours
    stream_probes.py   checks that each venue's stream opens
    home_probes.py     checks the small files of a home
    store_probes.py    checks data files, marts, databases
    data_probes.py     checks the age of data, finds days of older parsers
    dagster_probes.py  checks failed runs, daemon, schedules, listeners
    health.py          finds missing, partial and stale data
    maintain.py        compacts, vacuums and deletes leftovers
    launching.py       runs jobs in this process
    warehouse.py       the resource of all assets: sessions on the lake
    failures.py        classes of failures, in Dagster's records
    dead_runs.py       ends runs whose process is gone
    history.py         deletes old runs on request
    reconcile.py       reports the lake's partitions to Dagster
    switches.py        schedules and sensors that a person switched on or off
    partition_begin.py  the first day and hour of the partitions
    dagster_home.py    the folder of Dagster's records
    run_queue.py       the queue of runs, whose limits count all of them
    instance_file.py   checks Dagster's configuration file
    builder_report.py  the report of builder codes about one month
    docgen.py          docs/settings.md, docs/importing.md; writes and checks all generated pages
    tables_page.py     docs/tables.md
    markdown.py        Markdown of generated pages
    answers.py         docs/analyst.md and docs/questions/
    notebooks.py       the Jupyter notebook and the pictures of the docs

Probes never change anything.
"""
