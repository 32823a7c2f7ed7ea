"""What the sandbox serves, before any venue's form: generated or recorded events, instruments, trades, books.

Generated, from the ground up:

    mixing.py          numbers from (seed, purpose, counter)
    columns.py         Arrow buffers that Python reads fast
    select.py          filtered rows, kept so that paging is cheap
    catalog.py         families of questions
    topics.py          what events are about
    markets.py         strikes, labels, chances, results
    paths.py           the price of an instrument at any time
    universe.py        events and instruments as columns
    names.py           tickers, slugs, ids, and the way back
    trades.py          every trade as columns
    book_faults.py     a finer tick, an empty side, an early end
    books.py           the order book at any time
    happenings.py      what happens between two times
    world.py           both venues under one clock
    account.py         the sandbox's own account

Recorded:

    recorded.py        objects found in a folder of payloads
    recorded_gaps.py   what the folder holds and cannot be served
    captures.py        recorded WebSocket streams
"""
