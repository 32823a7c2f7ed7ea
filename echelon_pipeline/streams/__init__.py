"""One listener's shift: what arrives on its connections, kept so that nothing durable is ever lost.

    segments.py    the append-only log of a connection: its format, reading, recovery
    log.py         writing it
    roster.py      what its connections watch, which may change while they are open
    feeds.py       the venues' feeds by name
    record.py      a feed's successive connections, durable within a second
    watch.py       which books of a connection are to be asked for again
    follow.py      segments through the books' rules, compiled or by the machine (replayer.py)
    replay.py      what came of it in sum; told.py: as columns for derivation
    shift.py       a listener's shift: lease, choice of instruments, feeds, successor (duty.py: what it is given,
                   lines.py: its feeds at work, tops.py: what dashboards are told)

Nothing here imports Dagster or opens the lake: closed segments are what derivation starts from.
"""
