"""Units of work: fetch, keep raw, derive, check, commit, and record last what is complete.

Shared by all units:

    main.py                the entry points, one per asset
    homes.py               a home has either sandbox rows or live ones
    concurrency.py         a few workers over a list of work
    unavailable.py         what a venue does not have, and how windows say so
    given_up.py            what a run says of members of batches that it gave up
    parse.py               the statements of ``sql/parse``: payloads to typed rows and dead letters
    versions.py            payload kinds of each venue, and the current versions of their parsers
    pages.py               what each page of raw was asked for, and what of it was kept
    derive.py              raw objects of a unit to committed rows
    rederive.py            core tables once more from raw
    page_parts.py          pages cut into parts that fit in memory
    stale.py               days that an older parser made, and the record of what was derived again
    newer_parsers.py       a bounded round over them
    rederive_listings.py   the same for instruments, events, series, quotes and payouts
    lost_pages.py          pages whose raw is gone, and windows that must not claim them
    dead_letters.py        where dead letters count, and when they are closed
    known_instruments.py   known instruments as relations for ``sql/derive``
    late_values.py         rows derived again once what they lacked is known

What is fetched:

    listings.py            instruments, events, series
    trades.py              trade walks that can be killed anywhere and go on
    walk_progress.py       how far a trade walk has come
    prices.py              daily prices: candles, sampled midpoints, complete trades
    fills.py               builder-attributed fills
    resolutions.py         payouts from other endpoints
    leaderboards.py        the venue's ranking of builders
    parlays.py             a bounded sample of combos, and their legs

What is imported:

    bulk.py                files of others into the same tables
    bulk_files.py          files as records
    bulk_text.py           text files as UTF-8
    bulk_structure.py      keys and lists of the records
    bulk_paths.py          where the values are
    bulk_job.py            one import: typed, compared, committed
    mappings.py            what the columns mean
    presets.py             data sets known by their columns
    recorded.py            recordings of others to segments
    recorded_records.py    records with a book or a level
    recorded_books.py      recorded books as frames
    recorded_ladders.py    which instrument a recorded ladder is of

A unit commits data first and its row in ``core.ingest_windows`` last: what is not under a complete
window is not claimed. Killed anywhere, the next run does the missing part again and ends with the same
rows. Nothing here imports Dagster; progress goes out through a callback.
"""
