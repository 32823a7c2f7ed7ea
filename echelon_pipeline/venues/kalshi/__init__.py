"""Kalshi: one REST host, its listings and payload kinds.

answers.py  cuts objects out of answers, byte for byte; forms of query values
auth.py     signatures, for the public endpoints that may want one
reader.py   the connection: rates, walks, the signed second try of a book
feeds.py    trades, candles and order books
client.py   everything that can be asked: listings, and the feeds
cutoff.py   where the live tier begins
stream.py   what WebSocket frames say, every generation
parse.py    which SQL in sql/parse/kalshi makes which table's rows
"""
