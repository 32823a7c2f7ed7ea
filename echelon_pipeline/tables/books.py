"""Order books: what closed segments of recorded frames say, hour by hour.

Belongs here: columns, keys and rules of the tables that are derived from captures. Their partition is the UTC hour in
which something was received or begins to hold; what lasts longer continues in the next hour's first row. Nothing is
of the venue's clock but ``event_at``.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import DATE, INSTRUMENT, IS_VENUE, VENUE
from echelon_pipeline.tables.schema import Column, Counted, Cycle, Feeder, Rule, T, Table

HOUR = Column("hour", T.INT, "UTC hour of the day, 0..23", nullable=False)
RECEIVED = Column("received_at", T.TIME, "when the frame reached us", nullable=False)
EVENT = Column("event_at", T.TIME, "the venue's clock; NULL where the frame has none")
CONNECTION = Column("connection_id", T.TEXT, "the connection that it came on", nullable=False)
FRAME = Column("frame", T.BIGINT, "arrival number on the connection, from 0", nullable=False)
POSITION = Column("position", T.INT, "place inside of the frame, from 0", nullable=False)
_OF_A_FRAME = (CONNECTION, FRAME, POSITION)
_PARTITION = ("venue", "date", "hour")
_HOUR_RULES = (IS_VENUE, Rule("hour lies in 0..23", "hour BETWEEN 0 AND 23"))

BOOK_EVENTS = Table(
    name="core.book_events",
    fed_by=(Feeder.BOOKS,),
    cycle=Cycle.HOUR,
    counted=Counted("date", "received_at"),
    about=(
        "One row is one level that a frame told, as told: a whole ladder gives a row per level (one without a price "
        "where the ladder is empty), a change gives one. On the axis of outcome 0; Polymarket's frames of the other "
        "token only mirror it and are not here. While two connections overlap, both are."
    ),
    grain="connection, frame, position",
    columns=(
        VENUE,
        DATE,
        HOUR,
        INSTRUMENT,
        RECEIVED,
        EVENT,
        *_OF_A_FRAME,
        Column("is_snapshot", T.BOOL, "part of a whole ladder that replaces what was before", nullable=False),
        Column("side", T.TEXT, "bid or ask; NULL for an empty ladder"),
        Column("price", T.PRICE, "of outcome 0; a bid for outcome 1 at p is an ask at 1 - p", unit="USD"),
        Column("size", T.SIZE, "what the level has from now on; NULL where only the difference was told"),
        Column("size_change", T.SIZE, "what is added to the level (Kalshi's deltas); NULL where size is told"),
    ),
    key=("connection_id", "frame", "position"),
    partition_by=_PARTITION,
    sort_by=("connection_id", "frame", "position"),
    rules=(
        *_HOUR_RULES,
        Rule("side is known", "side IS NULL OR side IN ('bid', 'ask')"),
        Rule("price lies between 0 and 1", "price IS NULL OR (price > 0 AND price < 1)"),
        Rule("one size per level", "(side IS NULL) = (size IS NULL AND size_change IS NULL)"),
    ),
    mirrored=False,
)

BOOK_SNAPSHOTS = Table(
    name="core.book_snapshots",
    fed_by=(Feeder.BOOKS,),
    cycle=Cycle.HOUR,
    counted=Counted("date", "valid_to"),
    about=(
        "One row is one book over an interval [valid_from, valid_to) in which nothing that the row shows changed. Rows "
        "of an instrument follow each other without overlapping, from the first instant of a recording to its last; "
        "an hour's last row ends with the hour and the next hour's first continues it. Read any instant with book_at, "
        "a grid with books_every."
    ),
    grain="instrument, valid_from",
    columns=(
        VENUE,
        DATE,
        HOUR,
        INSTRUMENT,
        Column("valid_from", T.TIME, "when it was known, by our clock", nullable=False),
        Column("valid_to", T.TIME, "the next row's valid_from, or where the recording ends", nullable=False),
        Column(
            "state",
            T.TEXT,
            "as it was known then: live; stale (the last proof is too old); unknown (no levels, reason says why)",
            nullable=False,
        ),
        Column("reason", T.TEXT, "why it is unknown; NULL otherwise"),
        Column(
            "is_verified",
            T.BOOL,
            "known afterwards: true, the next hash or number of the venue fits a book that was this one until then; "
            "false, it does not, and something was missed in or before this row; NULL, nothing told",
        ),
        Column("event_at", T.TIME, "the venue's clock of the last frame in it"),
        Column("connection_id", T.TEXT, "the connection it is from; empty where there was none", nullable=False),
        Column("frame", T.BIGINT, "arrival number of the last frame in it", nullable=False),
        Column("bid", T.PRICE, "best bid of outcome 0", unit="USD"),
        Column("bid_size", T.SIZE, "size there", unit="contracts or shares"),
        Column("ask", T.PRICE, "best ask of outcome 0", unit="USD"),
        Column("ask_size", T.SIZE, "size there", unit="contracts or shares"),
        Column("mid", T.EXACT_PRICE, "(bid + ask) / 2; NULL unless both are there", unit="USD"),
        Column("spread", T.PRICE, "ask - bid; NULL unless both are there", unit="USD"),
        Column("bid_prices", T.INTS, "best first, at most 25 levels", unit="millionths of a dollar"),
        Column("bid_sizes", T.BIGINTS, "of these levels", unit="millionths of a contract or share"),
        Column("ask_prices", T.INTS, "best first, at most 25 levels", unit="millionths of a dollar"),
        Column("ask_sizes", T.BIGINTS, "of these levels", unit="millionths of a contract or share"),
        Column("bid_depth", T.SIZE, "of the whole side, not only of the levels here; NULL from 10^12 on"),
        Column("ask_depth", T.SIZE, "of the whole side"),
        Column("bid_levels", T.INT, "levels of the whole side"),
        Column("ask_levels", T.INT, "levels of the whole side"),
    ),
    key=("instrument_id", "valid_from"),
    partition_by=_PARTITION,
    sort_by=("instrument_id", "valid_from"),
    rules=(
        *_HOUR_RULES,
        Rule("state is known", "state IN ('live', 'stale', 'unknown')"),
        Rule("what is unknown has a reason and no levels", "(state = 'unknown') = (reason IS NOT NULL)"),
        Rule("no levels where unknown", "(state = 'unknown') = (bid_prices IS NULL)"),
        Rule("intervals have a length", "valid_from < valid_to"),
        Rule("bid lies below ask", "bid IS NULL OR ask IS NULL OR bid < ask"),
    ),
    mirrored=False,
)

LIVE_TRADES = Table(
    name="core.live_trades",
    fed_by=(Feeder.BOOKS,),
    cycle=Cycle.HOUR,
    counted=Counted("date", "received_at"),
    about=(
        "One row is one execution as the stream told it, of the connection whose book counts at that instant. It is "
        "what was seen, for looking at beside books; volumes come from core.trades."
    ),
    grain="connection, frame, position",
    columns=(
        VENUE,
        DATE,
        HOUR,
        INSTRUMENT,
        RECEIVED,
        EVENT,
        *_OF_A_FRAME,
        Column("trade_id", T.TEXT, "Kalshi: trade id; Polymarket: transaction hash; NULL where not told"),
        Column(
            "outcome_index",
            T.INT,
            "the outcome that the taker bought or sold, as in core.trades (Kalshi: 0 for a taker of yes, 1 for a taker "
            "of no); NULL where Kalshi names no taker side",
        ),
        Column("price", T.PRICE, "of the traded outcome; of outcome 0 where that is NULL", nullable=False, unit="USD"),
        Column("price_0", T.PRICE, "of outcome 0: price or 1 - price", nullable=False, unit="USD"),
        Column("size", T.SIZE, "contracts or shares", nullable=False),
        Column("taker_direction", T.INT, "+1 buys outcome 0 or sells 1, -1 the other way; NULL where not told"),
        Column("is_block", T.BOOL, "negotiated apart from the book", nullable=False),
    ),
    key=("connection_id", "frame", "position"),
    partition_by=_PARTITION,
    sort_by=("instrument_id", "received_at"),
    rules=(
        *_HOUR_RULES,
        Rule("price lies in 0..1", "price BETWEEN 0 AND 1 AND price_0 BETWEEN 0 AND 1"),
        Rule("size is not negative", "size >= 0"),
    ),
    mirrored=False,
)

BOOK_GAPS = Table(
    name="core.book_gaps",
    fed_by=(Feeder.BOOKS,),
    cycle=Cycle.HOUR,
    counted=Counted("date", "to_at"),
    about=(
        "One row is one stretch of one hour in which an instrument that was watched had no book that could be "
        "believed, with the reason. The end of trading is none."
    ),
    grain="instrument, from_at",
    columns=(
        VENUE,
        DATE,
        HOUR,
        INSTRUMENT,
        Column("from_at", T.TIME, "from when on nothing was known", nullable=False),
        Column("to_at", T.TIME, "the next book, or the end of the hour or of the recording", nullable=False),
        Column(
            "reason",
            T.TEXT,
            "late_subscribe (meant, not yet recorded), before_snapshot, gap (a missing number of the venue's), "
            "lost_frames (of ours), disconnect, tick_size_change, crossed, hash, mirror, best_prices (those "
            "that the venue says, for 250 ms), probe, negative_level, unreadable, subscription_lost",
            nullable=False,
        ),
        Column("last_good_at", T.TIME, "the last proof before it; NULL: there was none on this connection"),
        Column("began_at", T.TIME, "from_at, or in an earlier hour where the stretch is longer", nullable=False),
        Column("is_over", T.BOOL, "a book followed; false where the hour or the recording ended first", nullable=False),
        Column("connection_id", T.TEXT, "the connection that lost it; empty where there was none", nullable=False),
        Column("discarded", T.BIGINT, "changes that came in the stretch and could be applied to nothing"),
    ),
    key=("instrument_id", "from_at"),
    partition_by=_PARTITION,
    sort_by=("instrument_id", "from_at"),
    rules=(
        *_HOUR_RULES,
        Rule("stretches have a length", "from_at < to_at"),
        Rule("began before or with it", "began_at <= from_at"),
    ),
    mirrored=False,
)

MARKET_LIFECYCLE = Table(
    name="core.market_lifecycle",
    fed_by=(Feeder.BOOKS,),
    cycle=Cycle.HOUR,
    about=(
        "One row is one thing other than books and trades that a stream told: a market that opens, closes, is "
        "determined or settled, a new tick size, a new market."
    ),
    grain="connection, frame, position",
    columns=(
        VENUE,
        DATE,
        HOUR,
        Column("instrument_id", T.TEXT, "venue:native_id, where it names one that was watched"),
        RECEIVED,
        EVENT,
        *_OF_A_FRAME,
        Column("kind", T.TEXT, "the venue's word", nullable=False),
        Column("payload", T.TEXT, "as served", nullable=False, is_json=True),
    ),
    key=("connection_id", "frame", "position"),
    partition_by=_PARTITION,
    sort_by=("received_at",),
    rules=_HOUR_RULES,
    mirrored=False,
)

LISTENERS = Table(
    name="core.listeners",
    fed_by=(Feeder.STATE,),
    about="One row is one configured listener: what of a venue it watches.",
    grain="listener",
    columns=(
        Column("listener", T.TEXT, "its name", nullable=False),
        VENUE,
        Column("filters", T.TEXT, "what it watches", nullable=False, is_json=True),
        Column("own", T.BOOL, "it records what the venue tells the configured account of itself", nullable=False),
        Column("quotes", T.BOOL, "it has the venue's own quotes in core.live_quotes", nullable=False),
        Column("discovery_seconds", T.STAT, "between looks for instruments that come and go", nullable=False),
        Column("emit_seconds", T.STAT, "between updates of the latest states", nullable=False),
        Column("is_active", T.BOOL, "not paused", nullable=False),
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
        "One row is one stretch of time in which a listener meant to watch an instrument, whether frames came or not: "
        "the denominator of coverage."
    ),
    grain="listener, instrument, from_at",
    columns=(
        VENUE,
        Column("listener", T.TEXT, "its name; record: the command", nullable=False),
        INSTRUMENT,
        Column("from_at", T.TIME, "when it was asked for", nullable=False),
        Column("to_at", T.TIME, "when it was dropped or the listener paused; NULL: it is meant still"),
    ),
    key=("listener", "instrument_id", "from_at"),
    partition_by=(),
    sort_by=("instrument_id", "from_at"),
    rules=(IS_VENUE, Rule("ends after it begins", "to_at IS NULL OR to_at >= from_at")),
    mirrored=False,
)

BOOK_TABLES = (
    BOOK_EVENTS,
    BOOK_SNAPSHOTS,
    LIVE_TRADES,
    BOOK_GAPS,
    MARKET_LIFECYCLE,
    LISTENERS,
    LISTENER_INTENTS,
)
