"""Marts: tables computed by one SQL statement each.

    marts.py      what a statement's header says; computing its rows
    refresh.py    which marts are stale and for which days; building those, inputs first
    builds.py     the record of builds in ``core.mart_builds``
    quality.py    parts of data_quality.sql that are one arm per table
    culprits.py   the rows that a statement fails on

The statements are in ``sql/marts`` and ``sql/core``. Publishing what they give is ``publish/``'s.
"""
