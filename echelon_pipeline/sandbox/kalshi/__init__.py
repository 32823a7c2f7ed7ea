"""Kalshi as the sandbox serves it.

routes.py          REST routes of markets, events, series, trades
candle_routes.py   candlesticks and combo collections
query.py           filters and refusals
views.py           objects from rows
series.py          series objects
candles.py         candlesticks
static.py          answers that hardly depend on the universe
recorded.py        the same routes over recorded payloads
commands.py        WebSocket commands, read and refused
subscriptions.py   subscriptions of one connection
frames.py          messages
session.py         one connection without a socket
"""
