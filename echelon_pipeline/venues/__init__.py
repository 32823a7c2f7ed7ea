"""Talk to a venue: URLs, paging, limits, payload kinds. No Dagster, no storage, no interpretation.

base.py        the registration of a venue: facts, REST side, stream, probes
registry.py    the registered venues
macros.py      SQL macros for a venue's facts
feeds.py       protocols of a REST side: listings, trades, prices, fills …
narrowing.py   isolates the failing members of a batch
bounds.py      the top N of a listing, the rest counted
payload_members.py   members that scans read before parsing
http.py        one client policy for both venues: rates, retries, breaker, errors, metrics
bodies.py      bodies of answers within a bound on their decoded size
cutting.py     JSON into its members, byte for byte
page.py        pages of objects, exactly as served
walk.py        the walk over a paged endpoint
kinds.py       how an endpoint's objects become rows: SQL files per table, known fields
ws.py          one WebSocket policy: opening, keep-alive, silence, retries
ws_memory.py   bounded memory of a connection
live.py        the protocol of a venue's stream, and the common part of its feeds
frames.py      shared parts of the venues' frame readers
rest_books.py  frames of our own: answers with REST books, recorded among a stream's frames
doubts.py      the readable parts of an unreadable frame
recorders.py   streams in the formats of other recorders
kalshi/, polymarket/   one venue each: its registration, endpoints, walks, payload kinds, frames
"""
