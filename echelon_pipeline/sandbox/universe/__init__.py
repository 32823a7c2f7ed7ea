"""The content of a sandbox, independent of any venue's format: events, instruments, trades, books.

Generated, from the ground up:

    randomness.py      numbers from (seed, purpose, counter)
    columns.py         Arrow buffers with fast access from Python
    selections.py      filtered rows, cached for paging
    pools.py           names of outcomes
    strikes.py         strikes of series
    catalog.py         families of questions
    topics.py          topics of events
    markets.py         strikes, labels, chances, results
    wording.py         titles and questions in each venue's words
    paths.py           the price of an instrument at any time
    universe.py        events and instruments as columns
    names.py           tickers, slugs, ids, and lookup by them
    trades.py          every trade as columns
    book_faults.py     injected changes of single books
    books.py           the order book at any time
    updates.py         book steps, trades and results between two times
    world.py           both venues under one clock
    account.py         the sandbox's own account

Recorded:

    recorded.py        objects from a folder of payloads
    unserved.py        recorded objects that cannot be served
    captures.py        recorded WebSocket streams
"""
