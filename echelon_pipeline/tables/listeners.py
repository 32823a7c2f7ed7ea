"""Listeners: their configuration and their intents, exported from the state database.

Belongs here: columns, keys and rules of these two tables.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import INSTRUMENT, IS_VENUE, VENUE
from echelon_pipeline.tables.schema import Column, Feeder, Rule, T, Table

LISTENERS = Table(
    name="core.listeners",
    fed_by=(Feeder.STATE,),
    about="One row is one configured listener and the instruments of a venue that it watches.",
    grain="listener",
    columns=(
        Column("listener", T.TEXT, "its name", nullable=False),
        VENUE,
        Column("filters", T.TEXT, "filters that choose its instruments", nullable=False, is_json=True),
        Column("own", T.BOOL, "it records the configured account's own events", nullable=False),
        Column("quotes", T.BOOL, "it records the venue's own quotes in core.live_quotes", nullable=False),
        Column("discovery_seconds", T.STAT, "seconds between searches for new and ended instruments", nullable=False),
        Column("emit_seconds", T.STAT, "seconds between updates of the latest states", nullable=False),
        Column("is_active", T.BOOL, "the listener is not paused", nullable=False),
        Column("updated_at", T.TIME, "when it was last edited", nullable=False),
    ),
    key=("listener",),
    partition_by=(),
    sort_by=("listener",),
    rules=(IS_VENUE,),
    version=2,
    physical=True,
)

LISTENER_INTENTS = Table(
    name="core.listener_intents",
    fed_by=(Feeder.STATE,),
    about=(
        "One row is one interval in which a listener intended to watch an instrument, with or without frames: the "
        "denominator of coverage."
    ),
    grain="listener, instrument, from_at",
    columns=(
        VENUE,
        Column("listener", T.TEXT, "its name; record: the command `echelon record`", nullable=False),
        INSTRUMENT,
        Column("from_at", T.TIME, "when the instrument was chosen", nullable=False),
        Column("to_at", T.TIME, "when it was dropped or the listener paused; NULL: it is still intended"),
    ),
    key=("listener", "instrument_id", "from_at"),
    partition_by=(),
    sort_by=("instrument_id", "from_at"),
    rules=(IS_VENUE, Rule("ends after it begins", "to_at IS NULL OR to_at >= from_at")),
    mirrored=False,
)

LISTENER_TABLES: tuple[Table, ...] = (LISTENERS, LISTENER_INTENTS)
