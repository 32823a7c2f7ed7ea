"""Both venues on loopback: what the pipeline talks to where the real venues cannot or must not be reached.

Belongs here: generated and recorded universes, the venues' REST behaviour (pages, caps, wire types, error
bodies, limits) and their WebSockets (handshakes, subscriptions, frames), faults on demand. Nothing outside this room
and the command imports it. Options, faults and control routes: ``docs/sandbox.md``.

WebSocket, bottom up: ``books`` (the true book at a time, with its ``marks``), ``moments`` (what happens between two
times), ``*_frames`` (messages), ``kalshi_desk``/``*_session``/``replays`` (one connection without a socket), ``line``
(what goes wrong on the way), ``hub`` (all connections under one clock), ``sockets`` and ``link`` (the socket itself).

Where no recording or specification backs an endpoint, what it serves is evidence of our reading only:
those are listed in ``server.OUR_READING``.
"""
