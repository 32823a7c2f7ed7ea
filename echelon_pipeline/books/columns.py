"""Events of many frames as columns: the input of the compiled rules, instead of the objects of ``events.py``.

Belongs here: the record types, the numbering of texts, and merging of columns. ``message_columns.py`` converts
messages, the venues' ``fast`` modules convert bytes without a ``Message``; ``fast/`` applies the rules. Prices and
sizes are millionths, venue times milliseconds (neither venue is more precise), -1 means none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from echelon_pipeline.books.events import (
    Acknowledged,
    Change,
    Ended,
    Event,
    Notice,
    OwnFill,
    OwnNote,
    OwnOrder,
    OwnPosition,
    Quoted,
    Refused,
    Snapshot,
    Subscribed,
    SubscriptionLost,
    SuspectLadder,
    TickSize,
    Traded,
    Unreadable,
)

Array: TypeAlias = Any  # of numpy: its annotations know no fields of records

NONE = -1
UNLISTED = -2  # a token that is not watched, or a text without a number
MATCHABLE, UNMATCHABLE = 1, 2  # a SHA-1; a text that is no SHA-1 and never matches
MILLISECOND = 1_000
SPARE = 64  # texts are compared in blocks of this many bytes
WORD, MIX_FACTOR = (1 << 64) - 1, 0x9E3779B97F4A7C15


class Kind(IntEnum):
    """Numbers of the event types; the order of their counts."""

    CHANGE = 0
    SNAPSHOT = 1
    TICK_SIZE = 2
    ENDED = 3
    TRADED = 4
    QUOTED = 5
    NOTICE = 6
    SUBSCRIBED = 7
    ACKNOWLEDGED = 8
    SUBSCRIPTION_LOST = 9
    REFUSED = 10
    UNREADABLE = 11
    SUSPECT_LADDER = 12
    REST_BOOK = 13  # a Snapshot that was not part of the stream


_TYPES: tuple[type[Event], ...] = (
    *(Change, Snapshot, TickSize, Ended, Traded, Quoted),
    *(Notice, Subscribed, Acknowledged, SubscriptionLost, Refused, Unreadable, SuspectLadder),
)
# Events of an account touch no book either: the rules treat them as notices.
_KINDS: dict[type[Event], Kind] = dict(zip(_TYPES, Kind, strict=False)) | dict.fromkeys(
    (OwnOrder, OwnFill, OwnPosition, OwnNote), Kind.NOTICE
)
NAMES = (*(one.__name__ for one in _TYPES), "RestBook")
SIDE_EVENTS = frozenset({Kind.TICK_SIZE, Kind.TRADED, Kind.NOTICE, Kind.UNREADABLE})  # stored beside the levels
_IS_SIDE_EVENT = np.isin(np.arange(len(Kind)), list(SIDE_EVENTS))

# One frame: its subscription, its number in it, its events.
FRAME = np.dtype([("sid", "i8"), ("seq", "i8"), ("first", "i4"), ("last", "i4")], align=True)
# One event. In Subscribed ``size`` is the subscription's number. Levels are bids up to ``asks``, asks up to ``last``;
# market, min_order_size, tick and traded (the last trade's price) are numbers of texts; best price 0: an empty side.
EVENT = np.dtype(
    [
        *((name, "i8") for name in ("price", "size", "at")),
        *((name, "i4") for name in ("token", "bids", "asks", "last", "market", "min_order_size", "tick", "traded")),
        *((name, "i4") for name in ("best_bid", "best_ask")),
        ("hash", "u4", 5),
        *((name, "i1") for name in ("kind", "side", "relative", "affects_book", "claims", "neg_risk")),
    ],
    align=True,
)
LEVEL = np.dtype([("size", "i8"), ("price", "i4")], align=True)


def kind_of(event: Event) -> Kind:
    """The kind of an event."""
    # isinstance() takes several times as long for an event that is no Snapshot.
    return Kind.REST_BOOK if type(event) is Snapshot and event.rest else _KINDS[type(event)]


class Columns(NamedTuple):
    """Frames in the order of arrival. ``plain``: how many were read without an object per frame."""

    received_at: Array
    frames: Array
    events: Array
    levels: Array
    plain: int


def encoded(text: str) -> bytes:
    """The JSON text with its quotes: hashes are computed from it, and plain payloads contain it."""
    return json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass")


def edge_words(text: bytes) -> tuple[int, int]:
    """The first eight and the last eight bytes as numbers; twice the whole text if it is shorter."""
    return int.from_bytes(text[:8], "little"), int.from_bytes(text[-8:], "little")


def mix_bits(head: int, near: int, tail: int, length: int) -> int:
    """A 24-bit hash of unsigned 64-bit numbers. Also compiled, where products wrap around; here they are cut off."""
    bits = (((head + length) & WORD) * MIX_FACTOR & WORD) ^ near
    bits = (bits * MIX_FACTOR & WORD) ^ tail
    return (bits * MIX_FACTOR & WORD) >> 40


def slot_of(text: bytes, mask: int) -> int:
    """The first slot to look at. Generated tokens differ in their first bytes, tickers of one series in their last."""
    head, tail = edge_words(text)
    near = int.from_bytes(text[-16:-8], "little") if len(text) >= 16 else 0
    return mix_bits(head, near, tail, len(text)) & mask


class Texts:
    """Numbered texts: watched tokens, and the texts that are hashed with their books."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._numbers: dict[bytes, int] = {}
        self._texts: list[str] = []
        self.pool = np.zeros(1 << 12, "u1")
        self.ends = np.zeros(1, "i8")  # of text n at n + 1
        self.slots = np.full(1 << 6, NONE, "i4")
        self.buffers: dict[str, Array] = {}  # reused by the columns that refer to these numbers
        for text in known:
            self.number(text)

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Any:
        return iter(self._texts)

    def text(self, number: int) -> str | None:
        return None if number < 0 else self._texts[number]

    def known(self, text: str) -> int:
        """The number of a text; UNLISTED if it has none."""
        return self._numbers.get(encoded(text), UNLISTED)

    def number(self, text: str | None) -> int:
        """The number of a text; a new number if it has none."""
        if text is None:
            return NONE
        data = encoded(text)
        number = self._numbers.get(data)
        if number is None:
            number = self._numbers[data] = len(self._texts)
            self._texts.append(text)
            self._store(data, number)
        return number

    def _store(self, data: bytes, number: int) -> None:
        end = int(self.ends[number])
        if end + len(data) + SPARE > len(self.pool):
            self.pool = np.concatenate([self.pool, np.zeros(len(self.pool) + len(data) + SPARE, "u1")])
        if number + 2 > len(self.ends):
            self.ends = np.concatenate([self.ends, np.zeros(len(self.ends), "i8")])
        self.pool[end : end + len(data)] = np.frombuffer(data, "u1")
        self.ends[number + 1] = end + len(data)
        if 4 * number > len(self.slots):  # at most a quarter full: most lookups succeed at the first slot
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


def side_events(columns: Columns) -> Array:
    """Indexes of frames with an event other than levels: trades, notices of a market, unreadable content."""
    is_side_event = _IS_SIDE_EVENT[columns.events["kind"]]
    if not is_side_event.any():
        return np.zeros(0, "i8")
    counts = np.concatenate([np.zeros(1, "i8"), np.cumsum(is_side_event)])
    return np.flatnonzero(counts[columns.frames["last"]] > counts[columns.frames["first"]])


def merge_columns(plain: Columns, others: Columns, where: Array, events: Array, levels: Array) -> Columns:
    """Puts ``others`` in the place of the frames ``where``. ``events`` and ``levels`` begin with those of ``plain`` and
    have free space after them, so that the events of ``plain`` need not be copied."""
    added, moved = others.events.copy(), others.frames.copy()
    for name in ("bids", "asks", "last"):
        added[name] += len(plain.levels)
    for name in ("first", "last"):
        moved[name] += len(plain.events)
    plain.frames[where] = moved
    return Columns(
        plain.received_at,
        plain.frames,
        _append(events, len(plain.events), added),
        _append(levels, len(plain.levels), others.levels),
        plain=len(plain.frames) - len(where),
    )


def _append(buffer: Array, used: int, more: Array) -> Array:
    """The used part of a buffer and more: in the buffer itself if that fits."""
    end = used + len(more)
    if end > len(buffer):
        return np.concatenate([buffer[:used], more])
    buffer[used:end] = more
    return buffer[:end]
