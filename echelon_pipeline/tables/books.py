"""Order books: tables that are derived hour by hour from closed segments of recorded frames.

Belongs here: columns, keys and rules of these tables. Their partition is the UTC hour in which a frame was received or
an interval begins; an interval that lasts longer continues in the first row of the next hour. Only ``event_at`` is the
venue's clock; all other times are ours.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import DATE, INSTRUMENT, IS_VENUE, VENUE
from echelon_pipeline.tables.schema import Column, Counted, Cycle, Feeder, Rule, T, Table

HOUR = Column("hour", T.INT, "UTC hour of the day, 0..23", nullable=False)
RECEIVED = Column("received_at", T.TIME, "when the frame was received, by our clock", nullable=False)
EVENT = Column("event_at", T.TIME, "the venue's clock; NULL if the frame has no time")
CONNECTION = Column("connection_id", T.TEXT, "the connection that received the frame", nullable=False)
FRAME = Column("frame", T.BIGINT, "arrival number on the connection, from 0", nullable=False)
POSITION = Column("position", T.INT, "position inside the frame, from 0", nullable=False)
_OF_A_FRAME = (CONNECTION, FRAME, POSITION)
_PARTITION = ("venue", "date", "hour")
_HOUR_RULES = (IS_VENUE, Rule("hour lies in 0..23", "hour BETWEEN 0 AND 23"))

BOOK_EVENTS = Table(
    name="core.book_events",
    fed_by=(Feeder.BOOKS,),
    cycle=Cycle.HOUR,
    counted=Counted("date", "received_at"),
    about=(
        "One row is one level in a frame, as sent: a whole ladder gives a row per level (one row without a price "
        "if the ladder is empty), a change gives one row. Prices are of outcome 0; Polymarket's frames of the other "
        "token only mirror it and are excluded. While two connections overlap, frames of both are included."
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
        Column("is_snapshot", T.BOOL, "part of a whole ladder that replaces the previous book", nullable=False),
        Column("side", T.TEXT, "bid or ask; NULL for an empty ladder"),
        Column("price", T.PRICE, "of outcome 0; a bid for outcome 1 at p is an ask at 1 - p", unit="USD"),
        Column("size", T.SIZE, "new size of the level; NULL if the frame has only the change"),
        Column("size_change", T.SIZE, "change of the level's size (Kalshi's deltas); NULL if the frame has the size"),
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
        "One row is one book over an interval [valid_from, valid_to) in which no column of the row changed. Rows "
        "of an instrument follow each other without overlap from the begin of a recording to its end; the last row of "
        "an hour ends with the hour, and the first row of the next hour continues it. Read the book at any time with "
        "book_at, at regular times with books_every."
    ),
    grain="instrument, valid_from",
    columns=(
        VENUE,
        DATE,
        HOUR,
        INSTRUMENT,
        Column("valid_from", T.TIME, "when the book became known, by our clock", nullable=False),
        Column("valid_to", T.TIME, "valid_from of the next row, or the end of the recording", nullable=False),
        Column(
            "state",
            T.TEXT,
            "as known at that time: live; stale (the last proof is too old); unknown (no levels, see reason)",
            nullable=False,
        ),
        Column("reason", T.TEXT, "why the book is unknown; NULL otherwise"),
        Column(
            "is_verified",
            T.BOOL,
            "known afterwards: true, the venue's next hash or sequence number confirms this book; false, it "
            "contradicts the book, and a frame was missed in or before this row; NULL, neither",
        ),
        Column("event_at", T.TIME, "the venue's clock of the last frame in the book"),
        Column("connection_id", T.TEXT, "the connection of the book; empty if there was none", nullable=False),
        Column("frame", T.BIGINT, "arrival number of the last frame in the book", nullable=False),
        Column("bid", T.PRICE, "best bid of outcome 0", unit="USD"),
        Column("bid_size", T.SIZE, "size at the best bid", unit="contracts or shares"),
        Column("ask", T.PRICE, "best ask of outcome 0", unit="USD"),
        Column("ask_size", T.SIZE, "size at the best ask", unit="contracts or shares"),
        Column("mid", T.EXACT_PRICE, "(bid + ask) / 2; NULL without a bid or an ask", unit="USD"),
        Column("spread", T.PRICE, "ask - bid; NULL without a bid or an ask", unit="USD"),
        Column("bid_prices", T.INTS, "best first, at most 25 levels", unit="millionths of a dollar"),
        Column("bid_sizes", T.BIGINTS, "of these levels", unit="millionths of a contract or share"),
        Column("ask_prices", T.INTS, "best first, at most 25 levels", unit="millionths of a dollar"),
        Column("ask_sizes", T.BIGINTS, "of these levels", unit="millionths of a contract or share"),
        Column("bid_depth", T.SIZE, "size of the whole bid side, including levels not stored; NULL from 10^12 on"),
        Column("ask_depth", T.SIZE, "size of the whole ask side, including levels not stored; NULL from 10^12 on"),
        Column("bid_levels", T.INT, "number of levels of the whole bid side"),
        Column("ask_levels", T.INT, "number of levels of the whole ask side"),
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
        "One row is one execution in the stream, from the connection whose book is valid at that time. Use it "
        "together with books; for volumes use core.trades, which is complete."
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
        Column("trade_id", T.TEXT, "Kalshi: trade id; Polymarket: transaction hash; NULL if not in the frame"),
        Column(
            "outcome_index",
            T.INT,
            "the outcome that the taker bought or sold, as in core.trades (Kalshi: 0 for a taker of yes, 1 for a taker "
            "of no); NULL if Kalshi names no taker side",
        ),
        Column("price", T.PRICE, "of the traded outcome; of outcome 0 if that is NULL", nullable=False, unit="USD"),
        Column("price_0", T.PRICE, "of outcome 0: price or 1 - price", nullable=False, unit="USD"),
        Column("size", T.SIZE, "contracts or shares", nullable=False),
        Column("taker_direction", T.INT, "+1 buys outcome 0 or sells 1, -1 the reverse; NULL if not in the frame"),
        Column("is_block", T.BOOL, "negotiated off the book", nullable=False),
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
        "One row is one interval within an hour in which a watched instrument had no valid book, with the reason. "
        "The time after the end of trading is not a gap."
    ),
    grain="instrument, from_at",
    columns=(
        VENUE,
        DATE,
        HOUR,
        INSTRUMENT,
        Column("from_at", T.TIME, "begin of the interval", nullable=False),
        Column("to_at", T.TIME, "time of the next book, or end of the hour or of the recording", nullable=False),
        Column(
            "reason",
            T.TEXT,
            "late_subscribe (intended, not yet recorded), before_snapshot, gap (the venue's numbering has a gap), "
            "lost_frames (we lost frames), disconnect, tick_size_change, crossed, hash, mirror, best_prices (the "
            "venue's best prices differ for 250 ms), probe, negative_level, unreadable, subscription_lost",
            nullable=False,
        ),
        Column("last_good_at", T.TIME, "the last proof of the book before; NULL: there was none on this connection"),
        Column("began_at", T.TIME, "from_at, or a time in an earlier hour if the gap began there", nullable=False),
        Column("is_over", T.BOOL, "a book followed; false if the hour or the recording ended first", nullable=False),
        Column("connection_id", T.TEXT, "the connection that lost the book; empty if there was none", nullable=False),
        Column("discarded", T.BIGINT, "number of changes in the interval that could not be applied to a book"),
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
        "One row is one stream event other than books and trades: a market opens, closes, is determined or settled, a "
        "new tick size, a new market."
    ),
    grain="connection, frame, position",
    columns=(
        VENUE,
        DATE,
        HOUR,
        Column("instrument_id", T.TEXT, "venue:native_id, if it names a watched instrument"),
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

BOOK_TABLES = (
    BOOK_EVENTS,
    BOOK_SNAPSHOTS,
    LIVE_TRADES,
    BOOK_GAPS,
    MARKET_LIFECYCLE,
)
