"""What both venues' frames say, in one vocabulary.

Belongs here: values. Prices and sizes are millionths (``domain/scaled.py``), times are microseconds since
1970 UTC, sides are those of the named ladder. The venues' ``stream`` modules turn bytes into events; what an event
does to a book is ``book.py``.

A ladder is named by the venue's own word (``token``): a Kalshi ticker, a Polymarket token id.
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
    """What Polymarket hashes together with the levels, as served; None where a frame does not say."""

    market: str | None = None
    min_order_size: str | None = None
    tick_size: str | None = None
    neg_risk: bool | None = None
    last_trade_price: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """A whole ladder, levels in any order. ``rest``: asked for, not part of the stream."""

    token: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: int | None = None
    hash: str | None = None
    facts: Facts = Facts()
    rest: bool = False


class Change(msgspec.Struct, frozen=True):
    """One level: its new size, or where ``relative`` what is added to it.

    ``best_bid``, ``best_ask``: the ladder's best prices after it, as the venue says; None: it doesn't, 0: the side is
    empty.
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
    """Prices have another step from now on."""

    token: str
    new: str
    at: int | None = None


class Ended(msgspec.Struct, frozen=True):
    """The venue says that trading is over for good."""

    token: str
    at: int | None = None


class Traded(msgspec.Struct, frozen=True):
    """An execution. ``buys``: the taker bought the token (Kalshi: yes); None where the venue does not say."""

    token: str
    price: int
    size: int
    buys: bool | None
    trade_id: str | None
    at: int | None = None
    is_block: bool = False


class Quoted(msgspec.Struct, frozen=True):
    """The best prices as the venue reports them apart from the ladder; None: no quote.

    ``last`` (the last trade's price) and what follows it: only where a reader was asked for all that a quote says.
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


class Told(msgspec.Struct, frozen=True):
    """A known message that touches no book: lifecycles, new markets, fees. Kept as served."""

    kind: str
    token: str | None
    payload: bytes
    at: int | None = None


class OwnOrder(msgspec.Struct, frozen=True):
    """An order of the account that listens, as it stands after something happened to it. ``change``: what, in the
    venue's word; ``market``: the venue's name of the instrument.

    Events of an account name a ``ladder`` and no ``token``: they are nobody's proof. ``buys``: the ladder's side, at
    a price of it. What the venue does not say is None; ``payload`` is the object as served.
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
    """An execution of an order of the account that listens; told again where its ``status`` changes."""

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
    """What the account that listens holds: ``size`` of the ladder, less than 0 where it is short of it."""

    ladder: str
    market: str
    size: int
    payload: bytes
    at: int | None = None
    fee: int | None = None


class OwnNote(msgspec.Struct, frozen=True):
    """Anything else that is the account's alone. ``word``: the venue's."""

    word: str
    payload: bytes
    at: int | None = None


class Subscribed(msgspec.Struct, frozen=True):
    """A subscription begins: its numbers start anew."""

    channel: str
    sid: int


class Acknowledged(msgspec.Struct, frozen=True):
    """A command was done, or a keep-alive answered. ``kind``: the venue's word."""

    kind: str


class Lost(msgspec.Struct, frozen=True):
    """The venue ended the message's subscription: nothing more comes for its books."""

    why: str


class Refused(msgspec.Struct, frozen=True):
    """The venue refused a command; books are as they were."""

    code: int | None
    why: str


class Unreadable(msgspec.Struct, frozen=True):
    """What could not be read, with its bytes and the reason.

    ``doubt``: it may have changed a book: the one of ``token``, or any where it has none.
    """

    payload: bytes
    reason: str
    doubt: bool
    token: str | None = None


class Doubted(msgspec.Struct, frozen=True):
    """One more ladder that an unreadable frame names."""

    token: str


Own: TypeAlias = OwnOrder | OwnFill | OwnPosition | OwnNote
Event: TypeAlias = (
    Snapshot
    | Change
    | TickSize
    | Ended
    | Traded
    | Quoted
    | Told
    | OwnOrder
    | OwnFill
    | OwnPosition
    | OwnNote
    | Subscribed
    | Acknowledged
    | Lost
    | Refused
    | Unreadable
    | Doubted
)


class Message(msgspec.Struct, frozen=True):
    """One frame, read. ``sid`` and ``seq``: its subscription and number there, where the venue numbers."""

    events: tuple[Event, ...]
    sid: int | None = None
    seq: int | None = None


class Frame(msgspec.Struct, frozen=True):
    """One frame as it arrived: ``number`` counts the connection's frames without holes."""

    connection: str
    number: int
    received_at: int
    message: Message
