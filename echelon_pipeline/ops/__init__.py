"""Operating a home: runs of jobs, the doctor and its probes, maintenance, health, generated pages.

    doctor.py          what is wrong with this installation
    venue_probes.py    whether each venue answers, and what time it is there
    stream_probes.py   whether each venue's stream opens
    home_probes.py     the small files of a home
    store_probes.py    data files, marts, databases
    health.py          what is missing, partial or stale
    maintain.py        compaction, vacuum, leftovers
    launching.py       jobs run in this process
    warehouse.py       the resource of all assets: sessions on the lake
    failures.py        classes of failures, in Dagster's records
    dead_runs.py       runs whose process is gone
    history.py         old runs, deleted on request
    reconcile.py       records of partitions brought into line with the lake
    dagster_home.py    the folder of Dagster's records
    instance_file.py   whether Dagster accepts its configuration
    docgen.py          docs/settings.md, docs/tables.md, docs/importing.md
    answers.py         docs/analyst.md

Probes look and never change anything.
"""
