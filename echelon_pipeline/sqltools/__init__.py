"""What runs SQL, whatever the SQL says: statements from ``sql/``, text, typed casts, sessions of DuckDB.

    statements.py   one statement per file, with its header
    text.py         quoting, lists of files, a query with exactly a table's columns and types
    made_macros.py  macros whose text code makes
    duck.py         sessions: limits, UTC, macros

Nothing here knows a table, a venue or the lake.
"""
