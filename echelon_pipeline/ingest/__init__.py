"""Units of work: fetch, keep raw, derive, check, commit, and record last what is complete.

Shared by all units:

    main.py                the entry points, one per asset
    homes.py               a home has either sandbox rows or live ones
    concurrency.py         a bounded number of concurrent tasks
    unavailable.py         data that a venue does not have, and how windows record it
    given_up.py            instruments that a run gave up: its windows and its metadata
    parse.py               the statements of ``sql/parse``: payloads to typed rows and dead letters
    versions.py            payload kinds of each venue, and the current versions of their parsers
    pages.py               the record of each page of raw: its request, and the rows kept
    derive.py              derives committed rows from the raw objects of a unit
    rederive.py            derives core tables again from raw
    page_parts.py          pages cut into parts that fit in memory
    stale.py               days with rows of an older parser, and the record of rederivations
    newer_parsers.py       rederives a bounded number of these days
    rederive_listings.py   the same for instruments, events, series, quotes and payouts
    lost_pages.py          pages whose raw is missing, and the windows that must not claim them
    dead_letters.py        which windows dead letters count against, and when they close
    known_instruments.py   known instruments as relations for ``sql/derive``
    late_values.py         rows derived again once the values that they lacked are known

Fetching:

    listings.py            instruments, events, series
    trades.py              trade walks that resume after a kill
    walk_progress.py       the progress of a trade walk
    prices.py              daily prices: candles, sampled midpoints, complete trades
    fills.py               builder-attributed fills
    resolutions.py         payouts from other endpoints
    leaderboards.py        the venue's ranking of builders
    parlays.py             a bounded sample of combos, and their legs

Imports:

    bulk.py                bulk files into the same tables
    bulk_files.py          files as records
    bulk_text.py           text files as UTF-8
    bulk_structure.py      keys and lists of the records
    bulk_paths.py          where the values lie
    bulk_job.py            one import: typed, compared, committed
    mappings.py            the meaning of columns
    presets.py             data sets known by their columns
    recorded.py            other recorders' files to segments
    recorded_records.py    records with a book or a level
    recorded_books.py      recorded books as frames
    recorded_ladders.py    which instrument a recorded ladder is of

A unit commits data first and its row in ``core.ingest_windows`` last: only rows under a complete window are claimed.
After a kill at any point the next run repeats the missing part and ends with the same rows. Nothing here imports
Dagster; progress is reported through a callback.
"""
