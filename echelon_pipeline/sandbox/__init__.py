"""Both venues on loopback: what the pipeline talks to where the real venues cannot or must not be reached.

Belongs here: generated and recorded universes, the venues' REST behaviour (pages, caps, wire types, error
bodies, limits) and their WebSockets (handshakes, subscriptions, frames), faults on demand. Nothing outside this room
and the command imports it. Options, faults and control routes: ``docs/sandbox.md``.

    universe/     events, instruments, trades, books: generated or recorded
    kalshi/       Kalshi's REST and WebSocket over a universe
    polymarket/   Polymarket's
    faults/       what goes wrong on purpose
    server/       both venues in one process: clock, limits, sockets, control routes

Where no recording or specification backs an endpoint, what it serves is evidence of our reading only:
those are listed in ``server.app.OUR_READING``.
"""
