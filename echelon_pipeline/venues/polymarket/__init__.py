"""Polymarket: three hosts, their listings and payload kinds, its streams.

answers.py   cuts objects out of answers, byte for byte; asks one host for pages
gamma.py     metadata: markets, events, series
clob.py      sampled prices, books, builder trades
data.py      trades, resolutions, ranking of builders (Data API v2)
client.py    the three together, with rates, retries and metrics from the settings
venue.py     its registration
walks.py     requests for listings, trades, prices
programme.py   builder fills and ranking, payouts by Data API v2
parse.py     which SQL in sql/parse/polymarket makes which table's rows
live.py      subscriptions of its market and user channels
stream.py    decodes WebSocket frames and books of every generation
rest_books.py   the request for books of many tokens by REST
own.py       decodes the user channel
fast.py      frames to columns, compiled
"""
