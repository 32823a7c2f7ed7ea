"""Kalshi: one REST host, its listings and payload kinds, its streams.

answers.py   cuts objects out of answers, byte for byte; forms of query values
auth.py      signatures
reader.py    the connection: rates, walks, the signed retry of a book
feeds.py     trades, candles and order books
client.py    all public endpoints: listings, and the feeds
cutoff.py    where the live tier begins
venue.py     its registration
walks.py     requests for listings, trades, prices
combos.py    a bounded sample of combos, and their legs
parse.py     which SQL in sql/parse/kalshi makes which table's rows
live.py      handshake and subscriptions of its stream
stream.py    decodes WebSocket frames of every generation
rest_books.py   books of many tickers by REST: the request, and what its answer says
own.py       decodes the private channels
quotes.py    decodes all fields of a ticker frame
fast.py      frames to columns, compiled
"""
