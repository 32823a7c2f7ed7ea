"""Talk to a venue: URLs, paging, limits, payload kinds. No Dagster, no storage, no interpretation.

base.py        what a venue is: registration, facts, REST side, stream, probes
registry.py    the venues that there are
macros.py      macros by which statements ask for a venue's facts
feeds.py       what a REST side is asked for: listings, trades, prices, fills …
narrowing.py   one failing member of a batch does not cost the others
bounds.py      the top N of a listing, the rest counted
payload_members.py   members of payloads that scans look at before parsing
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
rest_books.py  frames of our own: answers with REST books, recorded among a stream's frames
doubts.py      what an unreadable frame still says
recorders.py   streams in the formats of other recorders
kalshi/, polymarket/   one venue each: its registration, endpoints, walks, payload kinds, frames
"""
