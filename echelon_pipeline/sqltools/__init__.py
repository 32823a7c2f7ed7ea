"""Tools that run SQL: statements from ``sql/``, SQL text, typed casts, DuckDB connections.

    statements.py         one statement per file, with its header
    text.py               quoting, lists of files, a query with exactly a table's columns and types
    generated_macros.py   sources of macros other than sql/macros
    duck.py               connections: limits, UTC, macros

Does not belong here: anything about a table, a venue or the lake.
"""
