"""Streams: recording frames, and turning recorded frames into books and tables.

Recording:

    segments.py        the append-only log of a connection: format, reading, recovery
    log.py             writing it
    watchlist.py       the instruments that a feed watches
    feeds.py           the venues' streams by name
    record.py          the successive connections of a feed, durable within a second
    live_books.py      which books of a connection have to be asked for again
    probing.py         requests for books by REST, whose answers are recorded among the frames
    shift_spec.py      what a shift is given, and what it reports
    shift.py           a listener's shift: lease, choice of instruments, feeds, successor
    feed_tasks.py      the feeds of a shift at work
    latest_states.py   best prices for dashboards
    selection.py       which instruments a listener records

Replay:

    chains.py          segments that follow each other, through the rules of books
    replayer.py        the compiled rules, or the machine where they do not fit
    replay.py          a chain in sum, and its last books
    book_columns.py    a chain as columns for tables
    side_events.py     trades, quotes, lifecycles and account events of frames, as columns

Tables:

    hours.py           UTC hours, and intervals cut by them
    intents.py         what listeners declared to watch, from the state database to the lake
    recordings.py      which segments cover an hour, and whether its tables are made from them
    book_tables.py     the frames of an hour to tables
    rederive_hours.py  hours of books once more

Nothing here imports Dagster.
"""
