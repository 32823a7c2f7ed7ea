"""Polymarket's REST and WebSocket in the sandbox.

state.py            listing, trading and settlement of an instrument at a time; quotes
gamma_routes.py     Gamma: routes
gamma_query.py      Gamma: filters
gamma_views.py      Gamma: objects
data_routes.py      Data API: routes
data_query.py       Data API: filters
data_views.py       Data API: objects
clob_routes.py      CLOB: routes
clob_quotes.py      CLOB: books and prices of tokens
clob_views.py       CLOB: objects
builder_routes.py   builder statistics: routes
builders.py         builder codes and their figures
recorded.py         the same routes over recorded payloads
frames.py           messages from rows
session.py          one connection, without a socket
"""
