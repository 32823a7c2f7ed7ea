"""The reader for Python: ``echelon_pipeline.open`` and the class that it gives.

    opening.py       finds the published file of a path
    warehouse.py     the reader: tables, instruments, coverage, SQL
    publication.py   the open publication: follows the file, runs statements
    running.py       runs one statement, so that Ctrl-C ends it
    catalog.py       tables and columns of a publication; which names are meant
    known.py         checks of venues and instruments, with near ids
    filters.py       conditions of a table: venue, instrument, time, columns
    order_books.py   books at regular times, and one book
    coverage.py      which relation says what is complete
    frames.py        results as polars, pandas or Arrow
    times.py         times and steps as a caller gives them

Everything comes from the published file, opened by ``publish/reader.py``. Importing this room is cheap: polars, pandas
and the settings are imported when they are needed. Does not belong here: anything that writes.
"""
