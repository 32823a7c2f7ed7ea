"""Dagster wiring only: assets, checks, partitions, resources, jobs, schedules, hooks.

No business rules, no SQL text, no sockets: an asset body opens a session, calls one function of
``ingest`` or ``warehouse`` and reports what it did.
"""
