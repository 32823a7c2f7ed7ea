"""One listener's shift: what arrives on its connections, kept so that nothing durable is ever lost.

    segments.py    the append-only log of a connection: its format, reading, recovery
    log.py         writing it
    roster.py      what its connections watch, which may change while they are open
    record.py      a feed's successive connections, durable within a second
    watch.py       which books of a connection are to be asked for again
    replay.py      segments through the books' machine, and what came of it

Nothing here imports Dagster or opens the lake: closed segments are what derivation starts from.
"""
