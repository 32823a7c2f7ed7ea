"""Units of work: fetch, keep raw, derive, check, commit, and say last what is complete.

    session.py     what a unit needs: settings, lake, windows, clock, progress, ids
    homes.py       which universe a home is of: made-up rows and live ones never share one
    crew.py        a few workers over a list of work
    peek.py        what scans and walks look at in payloads before they are parsed
    absent.py      what a venue does not have, and how windows say so
    bounds.py      the top N of a listing, nothing dropped uncounted
    versions.py    payload kinds of each venue, and which version of the parsers is current
    derive.py      raw objects of a unit to committed rows
    listings.py    instruments, events, series: scan, bounds, re-reads of known instruments
    held.py        the instruments that we hold, as relations of sql/derive
    walks.py       one walk over a trade feed: how far it has come
    trades.py      trade walks that can be killed anywhere and go on
    prices.py      daily prices from candles, sampled midpoints and complete trades
    fills.py       builder-attributed fills
    parlays.py     a bounded sample of combos, and their legs
    resolutions.py what other endpoints say about payouts
    later.py       what rows lacked when they were derived and what is known by now
    recordings.py  which segments speak of an hour, and whether its tables are of them; hours.py its arithmetic
    books.py       an hour's segments to tables of books
    listening.py   what listeners meant to watch, as rows
    main.py        the entry points of the main job
    bulk.py, bulk_files.py, bulk_job.py, mappings.py   imports of bulk history
    kalshi.py, polymarket.py   what each venue is asked for: the only modules here that know a venue

A unit commits data first and its row in ``core.ingest_windows`` last: what is not under a complete
window is not claimed. Killed anywhere, the next run does the missing part again and ends with the same
rows. Nothing here imports Dagster; progress goes out through a callback.
"""
