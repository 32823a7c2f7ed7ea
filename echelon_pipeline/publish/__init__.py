"""Copies for readers: ``echelon.duckdb`` and the mirror in Postgres.

    publish.py           builds the DuckDB file aside, verifies it, swaps it in
    catalog.py           the contents of the file: tables, views, functions
    macros.py            the internal macros that views and functions call
    descriptions.py      what the published names mean
    listing.py           views in main, comments, meta.catalog, meta.columns
    publications.py      sequence numbers and kept copies of publications
    lineage.py           checks that the lake is the one that was published before
    integrity.py         checks that no other program changed the published file
    reader.py            reads the published file
    postgres.py          updates the mirror in one transaction
    postgres_plan.py     decides which rows are copied to the mirror
    postgres_tables.py   the definition of a table in Postgres
    postgres_faults.py   connections to Postgres and their errors

Readers never wait for writers. Does not belong here: computing marts.
"""
