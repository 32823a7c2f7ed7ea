"""Both venues on loopback: the pipeline's venues where the real ones cannot or must not be reached.

Belongs here: generated and recorded universes, the venues' REST behaviour (pages, caps, wire types, error
bodies, limits), their WebSockets (handshakes, subscriptions, frames), and faults on demand. Only the command and tests
import this room. Options, faults and control routes: ``docs/sandbox.md``.

    universe/     events, instruments, trades, books: generated or recorded
    kalshi/       Kalshi's REST and WebSocket over a universe
    polymarket/   Polymarket's REST and WebSocket over a universe
    faults/       injected faults
    server/       both venues in one process: clock, limits, sockets, control routes

``server.app.UNVERIFIED_ENDPOINTS`` lists the endpoints that no recording and no specification backs: they serve our
reading of the reference.
"""
