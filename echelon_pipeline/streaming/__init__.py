"""One listener's shift: what arrives on its connections, kept so that nothing durable is ever lost.

    segments.py    the append-only log of a connection: written, recovered, read

Nothing here imports Dagster or opens the lake: closed segments are what derivation starts from.
"""
