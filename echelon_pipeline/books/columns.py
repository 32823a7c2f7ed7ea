"""Events of many frames as columns: what the compiled rules read instead of ``events.py``'s objects.

Belongs here: the shapes, the numbers that stand for texts, and how a ``Message`` becomes columns. Which bytes become
which columns without a ``Message`` between them is the venues' ``columns.py``; what follows is ``compiled/``.
Prices and sizes are millionths, venue times milliseconds (both venues tell no finer), -1 says that there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from echelon_pipeline.books.events import (
    Acknowledged,
    Change,
    Doubted,
    Ended,
    Event,
    Facts,
    Lost,
    Message,
    OwnFill,
    OwnNote,
    OwnOrder,
    OwnPosition,
    Quoted,
    Refused,
    Side,
    Snapshot,
    Subscribed,
    TickSize,
    Told,
    Traded,
    Unreadable,
)

Array: TypeAlias = Any  # of numpy: its annotations know no fields of records

NONE = -1
STRANGER = -2  # a token that nobody watches, or a text that was never met
MATCHABLE, HOPELESS = 1, 2  # a hash that can match; a text that is no hash, so it never does
MILLISECOND = 1_000
SPARE = 64  # texts are compared so many bytes at a time
WORD, MIXER = (1 << 64) - 1, 0x9E3779B97F4A7C15


class Kind(IntEnum):
    """Events by number, in the order of their counts."""

    CHANGE = 0
    SNAPSHOT = 1
    TICK_SIZE = 2
    ENDED = 3
    TRADED = 4
    QUOTED = 5
    TOLD = 6
    SUBSCRIBED = 7
    ACKNOWLEDGED = 8
    LOST = 9
    REFUSED = 10
    UNREADABLE = 11
    DOUBTED = 12


_TYPES: tuple[type[Event], ...] = (
    *(Change, Snapshot, TickSize, Ended, Traded, Quoted),
    *(Told, Subscribed, Acknowledged, Lost, Refused, Unreadable, Doubted),
)
# What is an account's touches no book either: for the rules it is one of what is told.
KINDS: dict[type[Event], Kind] = dict(zip(_TYPES, Kind, strict=True)) | dict.fromkeys(
    (OwnOrder, OwnFill, OwnPosition, OwnNote), Kind.TOLD
)
NAMES = tuple(one.__name__ for one in _TYPES)
BESIDE = frozenset({Kind.TICK_SIZE, Kind.TRADED, Kind.TOLD, Kind.UNREADABLE})  # what tells more than levels
_BESIDES = np.isin(np.arange(len(Kind)), list(BESIDE))

# One frame: its subscription, its number there, its events.
FRAME = np.dtype([("sid", "i8"), ("seq", "i8"), ("first", "i4"), ("last", "i4")], align=True)
# One event. ``size`` is a subscription's number in Subscribed. Levels are bids up to ``asks``, asks up to ``last``;
# market, least, tick and traded (the last trade's price) are numbers of texts; best prices are 0 where a side is empty.
EVENT = np.dtype(
    [
        *((name, "i8") for name in ("price", "size", "at")),
        *((name, "i4") for name in ("token", "bids", "asks", "last", "market", "least", "tick", "traded")),
        *((name, "i4") for name in ("best_bid", "best_ask")),
        ("hash", "u4", 5),
        *((name, "i1") for name in ("kind", "side", "relative", "doubt", "claims", "neg_risk")),
    ],
    align=True,
)
LEVEL = np.dtype([("size", "i8"), ("price", "i4")], align=True)


class Columns(NamedTuple):
    """Frames in the order of arrival. ``plain``: how many needed no object of their own."""

    received_at: Array
    frames: Array
    events: Array
    levels: Array
    plain: int


def encoded(text: str) -> bytes:
    """As JSON has it, quotes included: what hashes are computed of, and what is found in plain payloads."""
    return json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass")


def ends_of(text: bytes) -> tuple[int, int]:
    """The first eight bytes and the last eight as numbers; twice the text where it is shorter."""
    return int.from_bytes(text[:8], "little"), int.from_bytes(text[-8:], "little")


def mixed(head: int, near: int, tail: int, length: int) -> int:
    """A number of 24 bits from numbers of 64 without a sign. Also compiled: what wraps around there is cut off here."""
    found = (((head + length) & WORD) * MIXER & WORD) ^ near
    found = (found * MIXER & WORD) ^ tail
    return (found * MIXER & WORD) >> 40


def slot_of(text: bytes, mask: int) -> int:
    """Where to look a text up first. The begin tells invented tokens apart, the end tickers of one series."""
    head, tail = ends_of(text)
    near = int.from_bytes(text[-16:-8], "little") if len(text) >= 16 else 0
    return mixed(head, near, tail, len(text)) & mask


class Texts:
    """Texts by number: tokens that are watched, and what is hashed with their books."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._numbers: dict[bytes, int] = {}
        self._texts: list[str] = []
        self.pool = np.zeros(1 << 12, "u1")
        self.ends = np.zeros(1, "i8")  # of text n at n + 1
        self.slots = np.full(1 << 6, NONE, "i4")
        self.rooms: dict[str, Array] = {}  # where columns with these numbers are written
        for text in known:
            self.number(text)

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Any:
        return iter(self._texts)

    def text(self, number: int) -> str | None:
        return None if number < 0 else self._texts[number]

    def known(self, text: str) -> int:
        """Its number, STRANGER where it has none."""
        return self._numbers.get(encoded(text), STRANGER)

    def number(self, text: str | None) -> int:
        """Its number, a new one where it has none."""
        if text is None:
            return NONE
        data = encoded(text)
        found = self._numbers.get(data)
        if found is None:
            found = self._numbers[data] = len(self._texts)
            self._texts.append(text)
            self._keep(data, found)
        return found

    def _keep(self, data: bytes, number: int) -> None:
        end = int(self.ends[number])
        if end + len(data) + SPARE > len(self.pool):
            self.pool = np.concatenate([self.pool, np.zeros(len(self.pool) + len(data) + SPARE, "u1")])
        if number + 2 > len(self.ends):
            self.ends = np.concatenate([self.ends, np.zeros(len(self.ends), "i8")])
        self.pool[end : end + len(data)] = np.frombuffer(data, "u1")
        self.ends[number + 1] = end + len(data)
        if 4 * number > len(self.slots):  # at most a quarter full: most are found where they are looked up first
            self.slots = np.full(4 * len(self.slots), NONE, "i4")
            for other, one in self._numbers.items():
                self._place(other, one)
        else:
            self._place(data, number)

    def _place(self, data: bytes, number: int) -> None:
        mask = len(self.slots) - 1
        slot = slot_of(data, mask)
        while self.slots[slot] >= 0:
            slot = (slot + 1) & mask
        self.slots[slot] = number


def columns_of(received_at: Array, messages: Iterable[Message], texts: Texts) -> Columns:
    """The same, of messages that were read one by one."""
    frames: list[tuple[int, int, int, int]] = []
    events: list[tuple[Any, ...]] = []
    levels: list[tuple[int, int]] = []
    for message in messages:
        first = len(events)
        events.extend(_row(event, levels, texts) for event in message.events)
        frames.append((_or_none(message.sid), _or_none(message.seq), first, len(events)))
    return Columns(received_at, np.array(frames, FRAME), np.array(events, EVENT), np.array(levels, LEVEL), plain=0)


def besides(columns: Columns) -> Array:
    """Places of frames that tell more than levels: trades, what becomes of a market, what could not be read."""
    found = _BESIDES[columns.events["kind"]]
    if not found.any():
        return np.zeros(0, "i8")
    counts = np.concatenate([np.zeros(1, "i8"), np.cumsum(found)])
    return np.flatnonzero(counts[columns.frames["last"]] > counts[columns.frames["first"]])


def joined(plain: Columns, others: Columns, where: Array, events: Array, levels: Array) -> Columns:
    """``others`` in the place of the frames ``where``. ``events`` and ``levels`` begin with those of ``plain`` and have
    room behind them: one frame that is not plain copies no others."""
    told, moved = others.events.copy(), others.frames.copy()
    for name in ("bids", "asks", "last"):
        told[name] += len(plain.levels)
    for name in ("first", "last"):
        moved[name] += len(plain.events)
    plain.frames[where] = moved
    return Columns(
        plain.received_at,
        plain.frames,
        _behind(events, len(plain.events), told),
        _behind(levels, len(plain.levels), others.levels),
        plain=len(plain.frames) - len(where),
    )


def _behind(room: Array, kept: int, more: Array) -> Array:
    """What is kept of a room and more: in the room, where that fits."""
    end = kept + len(more)
    if end > len(room):
        return np.concatenate([room[:kept], more])
    room[kept:end] = more
    return room[:end]


def hash_words(digest: str) -> tuple[int, ...] | None:
    """The five words of a SHA-1 in lower-case hexadecimal; None for any other text, which no hash equals."""
    if len(digest) != 40 or not set(digest) <= set("0123456789abcdef"):
        return None
    return tuple(int(digest[at : at + 8], 16) for at in range(0, 40, 8))


def _or_none(number: int | None) -> int:
    return NONE if number is None else number


def _at(at: int | None) -> int:
    return NONE if at is None else at // MILLISECOND


def _row(event: Event, levels: list[tuple[int, int]], texts: Texts) -> tuple[Any, ...]:
    kind = KINDS[type(event)]
    name = getattr(event, "token", None)
    token = NONE if name is None else texts.known(name)
    price = size = side = relative = 0
    at, digest, facts, bounds, best = NONE, None, Facts(), (0, 0, 0), (NONE, NONE)
    if isinstance(event, Change):
        price, size, side, relative = event.price, event.size, event.side, event.relative
        at, digest, best = _at(event.at), event.hash, (_or_none(event.best_bid), _or_none(event.best_ask))
    elif isinstance(event, Snapshot):
        if event.rest:
            raise ValueError("a book that was asked for is in no recorded stream: only the machine follows it")
        at, digest = _at(event.at), event.hash
        facts = event.facts if token >= 0 else facts  # nobody's book is hashed
        bounds = _kept(event.bids, event.asks, levels)
    elif isinstance(event, TickSize):
        facts = Facts(tick_size=event.new) if token >= 0 else facts
    elif isinstance(event, Traded):
        price = event.price
    elif isinstance(event, Quoted):
        at, best = _at(event.at), (_or_none(event.bid), _or_none(event.ask))
    elif isinstance(event, Subscribed):
        size = event.sid
    words = None if digest is None else hash_words(digest)
    claims = 0 if digest is None else HOPELESS if words is None else MATCHABLE
    numbers = (
        texts.number(text) for text in (facts.market, facts.min_order_size, facts.tick_size, facts.last_trade_price)
    )
    doubt = isinstance(event, Unreadable) and event.doubt
    neg_risk = NONE if facts.neg_risk is None else facts.neg_risk
    flags = (kind, side, relative, doubt, claims, neg_risk)
    return (price, size, at, token, *bounds, *numbers, *best, words or (0,) * 5, *flags)


def _kept(
    bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], levels: list[tuple[int, int]]
) -> tuple[int, int, int]:
    first = len(levels)
    levels.extend((size, price) for price, size in (*bids, *asks))
    return first, first + len(bids), len(levels)


__all__ = ["Columns", "Kind", "Side", "Texts", "besides", "columns_of", "encoded", "hash_words", "joined"]
