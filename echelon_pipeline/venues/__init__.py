"""Talk to a venue: URLs, paging, limits, payload kinds. No Dagster, no storage, no interpretation.

http.py        one client policy for both venues: rates, retries, breaker, errors, metrics
bodies.py      bodies of answers within a bound on their decoded size
cutting.py     JSON into its members, byte for byte
page.py        what a client yields: pages of objects, exactly as served
walk.py        one loop for every cursor
kinds.py       how an endpoint's objects become rows: SQL files per table, known fields
ws.py          one WebSocket policy: opening, keep-alive, silence, retries
ws_memory.py   bounded memory of a connection
live.py        what every venue's stream offers
frames.py      what both venues' frame readers share
doubts.py      what an unreadable frame still says
recorders.py   streams in the formats of other recorders
kalshi/, polymarket/   one venue each: client.py (endpoints), parse.py (payload kinds), stream.py (frames)
"""
