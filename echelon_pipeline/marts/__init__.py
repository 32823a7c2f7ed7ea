"""Marts: tables that are each computed by one SQL statement.

    marts.py          reads a statement's header; computes its rows
    refresh.py        builds stale parts, inputs first
    staleness.py      finds stale marts and days
    builds.py         the record of builds in ``core.mart_builds``
    agents.py         keeps ``core.agents`` equal to its seed
    final_months.py   marks a month of the builder report final
    quality.py        generates the parts of data_quality.sql that repeat per table
    failing_rows.py   finds the rows on which a statement fails

The statements are in ``sql/marts`` and ``sql/core``. ``publish/`` publishes the tables.
"""
