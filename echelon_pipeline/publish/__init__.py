"""Copies for readers: ``echelon.duckdb`` and the mirror in Postgres.

    publish.py           the DuckDB file: built aside, verified, swapped in
    catalog.py           what is inside: tables, views, macros, comments
    editions.py          numbers and kept copies of publications
    lineage.py           whether the lake is the one that was published from
    untouched.py         whether the published file is as it was published
    reader.py            reading the published file
    postgres.py          the mirror, swapped in one transaction
    postgres_plan.py     what has to be copied
    postgres_tables.py   how a table looks in Postgres
    postgres_faults.py   connections and their errors

Readers never wait for writers. No mart is computed here.
"""
