"""The content of both venues' frames, in one vocabulary.

Belongs here: values. Prices and sizes are millionths (``domain/scaled.py``), times are microseconds since
1970 UTC, sides are those of the named ladder. The venues' ``stream`` modules turn bytes into events; ``book.py``
applies an event to a book.

``token`` is the venue's own name of a ladder: a Kalshi ticker, a Polymarket token id.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import msgspec

Level: TypeAlias = tuple[int, int]  # price, size


class Side(IntEnum):
    """A side of a ladder."""

    BID = 0
    ASK = 1


class Facts(msgspec.Struct, frozen=True):
    """Values that Polymarket hashes together with the levels, as served; None: not in the frame."""

    market: str | None = None
    min_order_size: str | None = None
    tick_size: str | None = None
    neg_risk: bool | None = None
    last_trade_price: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """A whole ladder, levels in any order. ``rest``: from a REST request, not from the stream."""

    token: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: int | None = None
    hash: str | None = None
    facts: Facts = Facts()
    rest: bool = False


class Change(msgspec.Struct, frozen=True):
    """One level: its new size, or the difference where ``relative``.

    ``best_bid``, ``best_ask``: the ladder's best prices after the change, as the venue states them; None: not stated,
    0: the side is empty.
    """

    token: str
    side: Side
    price: int
    size: int
    relative: bool
    at: int | None = None
    hash: str | None = None
    best_bid: int | None = None
    best_ask: int | None = None


class TickSize(msgspec.Struct, frozen=True):
    """The tick size changes."""

    token: str
    new: str
    at: int | None = None


class Ended(msgspec.Struct, frozen=True):
    """Trading has ended for good, by the venue's message."""

    token: str
    at: int | None = None


class Traded(msgspec.Struct, frozen=True):
    """An execution. ``buys``: the taker bought the token (Kalshi: yes); None: not stated."""

    token: str
    price: int
    size: int
    buys: bool | None
    trade_id: str | None
    at: int | None = None
    is_block: bool = False


class Quoted(msgspec.Struct, frozen=True):
    """Best prices that the venue reports outside of the ladder; None: no quote.

    ``last`` (the last trade's price) and the fields after it are set only by readers of whole quotes.
    """

    token: str
    bid: int | None
    ask: int | None
    bid_size: int | None = None
    ask_size: int | None = None
    at: int | None = None
    last: int | None = None
    volume: int | None = None
    open_interest: int | None = None


class Notice(msgspec.Struct, frozen=True):
    """A known message that affects no book: lifecycles, new markets, fees. Kept as served."""

    kind: str
    token: str | None
    payload: bytes
    at: int | None = None


class OwnOrder(msgspec.Struct, frozen=True):
    """An order of the listening account after a change. ``change``: the kind of change in the venue's word;
    ``market``: the venue's name of the instrument.

    Events of an account name a ``ladder`` and no ``token``: they prove no book. ``buys`` and ``price`` refer to that
    ladder. None: not stated by the venue; ``payload`` is the object as served.
    """

    ladder: str
    market: str
    order_id: str
    payload: bytes
    at: int | None = None
    change: str | None = None
    status: str | None = None
    buys: bool | None = None
    price: int | None = None
    size: int | None = None
    filled: int | None = None
    remaining: int | None = None
    fee: int | None = None
    client_order_id: str | None = None
    builder_code: str | None = None


class OwnFill(msgspec.Struct, frozen=True):
    """An execution of an order of the listening account; sent again when its ``status`` changes."""

    ladder: str
    market: str
    order_id: str
    trade_id: str
    price: int
    size: int
    buys: bool
    is_maker: bool
    payload: bytes
    at: int | None = None
    status: str | None = None
    fee: int | None = None
    client_order_id: str | None = None
    builder_code: str | None = None


class OwnPosition(msgspec.Struct, frozen=True):
    """A position of the listening account: ``size`` of the ladder, negative for a short position."""

    ladder: str
    market: str
    size: int
    payload: bytes
    at: int | None = None
    fee: int | None = None


class OwnNote(msgspec.Struct, frozen=True):
    """Any other private message of the account. ``word``: the venue's type."""

    word: str
    payload: bytes
    at: int | None = None


class Subscribed(msgspec.Struct, frozen=True):
    """A subscription begins: its numbers restart."""

    channel: str
    sid: int


class Acknowledged(msgspec.Struct, frozen=True):
    """A command was accepted, or a keep-alive answered. ``kind``: the venue's type."""

    kind: str


class SubscriptionLost(msgspec.Struct, frozen=True):
    """The venue ended the message's subscription: its books get no more frames."""

    why: str


class Refused(msgspec.Struct, frozen=True):
    """The venue refused a command; books do not change."""

    code: int | None
    why: str


class Unreadable(msgspec.Struct, frozen=True):
    """Unreadable content, with its bytes and the reason.

    ``affects_book``: it may have changed a book: the book of ``token``, or any book if it has no token.
    """

    payload: bytes
    reason: str
    affects_book: bool
    token: str | None = None


class SuspectLadder(msgspec.Struct, frozen=True):
    """A further ladder that an unreadable frame names."""

    token: str


Own: TypeAlias = OwnOrder | OwnFill | OwnPosition | OwnNote
Event: TypeAlias = (
    Snapshot
    | Change
    | TickSize
    | Ended
    | Traded
    | Quoted
    | Notice
    | OwnOrder
    | OwnFill
    | OwnPosition
    | OwnNote
    | Subscribed
    | Acknowledged
    | SubscriptionLost
    | Refused
    | Unreadable
    | SuspectLadder
)


class Message(msgspec.Struct, frozen=True):
    """The events of one frame. ``sid`` and ``seq``: its subscription and its number in it, if the venue numbers it."""

    events: tuple[Event, ...]
    sid: int | None = None
    seq: int | None = None


class Frame(msgspec.Struct, frozen=True):
    """One frame as received; ``number`` counts the frames of the connection without holes."""

    connection: str
    number: int
    received_at: int
    message: Message
