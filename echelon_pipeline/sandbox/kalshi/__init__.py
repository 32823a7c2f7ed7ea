"""Kalshi's REST and WebSocket in the sandbox.

routes.py          REST routes of markets, events, series, trades
candle_routes.py   REST routes of candlesticks and combo collections
query.py           filters, and refusals of parameters
views.py           objects from rows
series.py          series objects
candles.py         candlesticks
static.py          answers that hardly depend on the universe
recorded.py        the same routes over recorded payloads
commands.py        parses WebSocket commands
subscriptions.py   subscriptions of one connection
frames.py          messages from rows
session.py         one connection, without a socket
"""
