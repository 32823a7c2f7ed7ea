"""Other stream tables: best prices as the venue quotes them, and an account's own events.

Belongs here: columns, keys and rules of these two tables. They come about like those of ``books.py``, hour by hour
from captures. What is an account's is in the lake alone: nothing publishes or mirrors it.
"""

from __future__ import annotations

from echelon_pipeline.tables.books import CONNECTION, EVENT, FRAME, HOUR, POSITION, RECEIVED
from echelon_pipeline.tables.columns import DATE, INSTRUMENT, IS_VENUE, VENUE
from echelon_pipeline.tables.schema import Audience, Column, Counted, Cycle, Feeder, Rule, T, Table

_OF_A_FRAME = (CONNECTION, FRAME, POSITION)
_PARTITION = ("venue", "date", "hour")
_HOUR_RULES = (IS_VENUE, Rule("hour lies in 0..23", "hour BETWEEN 0 AND 23"))
KINDS = ("order", "fill", "position", "other")

ACCOUNT_EVENTS = Table(
    name="core.account_events",
    fed_by=(Feeder.BOOKS,),
    cycle=Cycle.HOUR,
    about=(
        "One row is one event of the listening account: the state of an order, a fill, a position, or another event. "
        "The venue sends a fill again when its status changes, and every event appears twice while two shifts overlap: "
        "count fills by order_id and trade_id. Private: in the lake only, never published."
    ),
    grain="connection, frame, position",
    columns=(
        VENUE,
        DATE,
        HOUR,
        Column("listener", T.TEXT, "the listener that records the account's channels", nullable=False),
        RECEIVED,
        EVENT,
        *_OF_A_FRAME,
        Column("kind", T.TEXT, "order, fill, position or other", nullable=False),
        Column("instrument_id", T.TEXT, "venue:native_id; NULL if kind is other"),
        Column("token", T.TEXT, "Kalshi: ticker; Polymarket: token id"),
        Column("outcome_index", T.INT, "of the token; NULL if no listener watched its instrument in this hour"),
        Column("is_buy", T.BOOL, "buys the token; on Kalshi, buys yes (buying no is selling yes)"),
        Column("price", T.PRICE, "of the token", unit="USD"),
        Column("size", T.SIZE, "of the order, fill or position; a short position is negative"),
        Column("filled", T.SIZE, "filled size of the order so far, as sent"),
        Column("remaining", T.SIZE, "remaining size of the order, as sent"),
        Column("fee_usd", T.MONEY, "paid by the fill, or so far for the order or position; NULL if not sent"),
        Column("order_id", T.TEXT, "the venue's order id"),
        Column("client_order_id", T.TEXT, "our order id, if the venue sends it"),
        Column("trade_id", T.TEXT, "the venue's trade id of a fill"),
        Column("is_maker", T.BOOL, "of a fill: the order was resting in the book"),
        Column(
            "change",
            T.TEXT,
            "the venue's word for the change of the order; why an event was refused or could not be read",
        ),
        Column("status", T.TEXT, "the venue's word; kind other: the kind of the event, or unreadable, or refused"),
        Column("builder_code", T.TEXT, "of the order, if the venue sends it"),
        Column("payload", T.TEXT, "the object as served; empty if refused", nullable=False),
    ),
    key=("connection_id", "frame", "position"),
    partition_by=_PARTITION,
    sort_by=("received_at", "connection_id", "frame", "position"),
    rules=(
        *_HOUR_RULES,
        Rule("kind is known", f"kind IN {KINDS}"),
        Rule("what is of an instrument names it", "(kind = 'other') = (instrument_id IS NULL)"),
        Rule("an order has an id", "kind NOT IN ('order', 'fill') OR order_id IS NOT NULL"),
        Rule(
            "a fill is whole",
            "kind <> 'fill' OR (trade_id IS NOT NULL AND price IS NOT NULL AND size >= 0 AND is_buy IS NOT NULL "
            "AND is_maker IS NOT NULL)",
        ),
        Rule("price lies in 0..1", "price IS NULL OR price BETWEEN 0 AND 1"),
    ),
    published=False,
    audience=Audience.PRIVATE,
    mirrored=False,
)

LIVE_QUOTES = Table(
    name="core.live_quotes",
    fed_by=(Feeder.BOOKS,),
    cycle=Cycle.HOUR,
    counted=Counted("date", "received_at"),
    about=(
        "One row is one quote in the stream, separate from the book: best prices, on Kalshi also volume and open "
        "interest, from the connection whose book is valid at that time. Only for listeners with quotes enabled."
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
        Column("outcome_index", T.INT, "the quoted outcome; on Kalshi 0", nullable=False),
        Column("bid", T.PRICE, "of the quoted outcome; NULL if there is no quote", unit="USD"),
        Column("bid_size", T.SIZE, "at the best bid; NULL on Polymarket", unit="contracts"),
        Column("ask", T.PRICE, "of the quoted outcome; NULL if there is no quote", unit="USD"),
        Column("ask_size", T.SIZE, "at the best ask; NULL on Polymarket", unit="contracts"),
        Column("last_price", T.PRICE, "last trade (Kalshi); NULL if it never traded", unit="USD"),
        Column("volume", T.SIZE, "contracts traded so far (Kalshi)", unit="contracts"),
        Column("open_interest", T.SIZE, "Kalshi: contracts", unit="contracts"),
    ),
    key=("connection_id", "frame", "position"),
    partition_by=_PARTITION,
    sort_by=("instrument_id", "received_at", "connection_id", "frame", "position"),
    rules=(
        *_HOUR_RULES,
        *(
            Rule(f"{name} lies in 0..1", f"{name} IS NULL OR {name} BETWEEN 0 AND 1")
            for name in ("bid", "ask", "last_price")
        ),
        *(
            Rule(f"{name} is not negative", f"{name} IS NULL OR {name} >= 0")
            for name in ("bid_size", "ask_size", "volume", "open_interest")
        ),
    ),
    mirrored=False,
)

OWN_TABLES = (ACCOUNT_EVENTS, LIVE_QUOTES)
