"""Both venues on loopback: what the pipeline talks to where the real venues cannot or must not be reached.

Belongs here: generated and recorded universes, the venues' REST behaviour (pages, caps, wire types, error
bodies, limits), faults on demand. Nothing outside this room and the command imports it.

Where no recording or specification backs an endpoint, what it serves is evidence of our reading only:
those are listed in ``server.OUR_READING``.
"""
