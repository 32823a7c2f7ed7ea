"""Talk to a venue: URLs, paging, limits, payload kinds. No Dagster, no storage, no interpretation.

http.py        one client policy for both venues: rates, retries, breaker, errors, metrics
page.py        what a client yields: pages of objects, exactly as served
kinds.py       how an endpoint's objects become rows: SQL files per table, known fields
frames.py      what both venues' frame readers share
kalshi/, polymarket/   client.py (endpoints), parse.py (payload kinds), stream.py (what WebSocket frames say)
"""
