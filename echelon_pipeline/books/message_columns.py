"""Messages to columns: for frames that are read one by one.

Belongs here: the conversion of a ``Message`` to the records of ``columns.py``. The venues' ``fast`` modules convert
plain frames without a ``Message``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from echelon_pipeline.books.columns import (
    EVENT,
    FRAME,
    LEVEL,
    MATCHABLE,
    MILLISECOND,
    NONE,
    UNMATCHABLE,
    Array,
    Columns,
    Texts,
    kind_of,
)
from echelon_pipeline.books.events import (
    Change,
    Event,
    Facts,
    Message,
    Quoted,
    Snapshot,
    Subscribed,
    TickSize,
    Traded,
    Unreadable,
)


def columns_of(received_at: Array, messages: Iterable[Message], texts: Texts) -> Columns:
    """Columns of messages that were read one by one."""
    frames: list[tuple[int, int, int, int]] = []
    events: list[tuple[Any, ...]] = []
    levels: list[tuple[int, int]] = []
    for message in messages:
        first = len(events)
        events.extend(_row(event, levels, texts) for event in message.events)
        frames.append((_or_none(message.sid), _or_none(message.seq), first, len(events)))
    return Columns(received_at, np.array(frames, FRAME), np.array(events, EVENT), np.array(levels, LEVEL), plain=0)


def hash_words(digest: str) -> tuple[int, ...] | None:
    """The five words of a SHA-1 in lower-case hexadecimal; None for any other text."""
    if len(digest) != 40 or not set(digest) <= set("0123456789abcdef"):
        return None
    return tuple(int(digest[at : at + 8], 16) for at in range(0, 40, 8))


def _or_none(number: int | None) -> int:
    return NONE if number is None else number


def _at(at: int | None) -> int:
    return NONE if at is None else at // MILLISECOND


def _row(event: Event, levels: list[tuple[int, int]], texts: Texts) -> tuple[Any, ...]:
    kind = kind_of(event)
    name = getattr(event, "token", None)
    token = NONE if name is None else texts.known(name)
    price = size = side = relative = 0
    at, digest, facts, bounds, best = NONE, None, Facts(), (0, 0, 0), (NONE, NONE)
    if isinstance(event, Change):
        price, size, side, relative = event.price, event.size, event.side, event.relative
        at, digest, best = _at(event.at), event.hash, (_or_none(event.best_bid), _or_none(event.best_ask))
    elif isinstance(event, Snapshot):
        at, digest = _at(event.at), event.hash
        facts = event.facts if token >= 0 else facts  # books that are not watched are not hashed
        bounds = _add_levels(event.bids, event.asks, levels)
    elif isinstance(event, TickSize):
        facts = Facts(tick_size=event.new) if token >= 0 else facts
    elif isinstance(event, Traded):
        price = event.price
    elif isinstance(event, Quoted):
        at, best = _at(event.at), (_or_none(event.bid), _or_none(event.ask))
    elif isinstance(event, Subscribed):
        size = event.sid
    words = None if digest is None else hash_words(digest)
    claims = 0 if digest is None else UNMATCHABLE if words is None else MATCHABLE
    numbers = (
        texts.number(text) for text in (facts.market, facts.min_order_size, facts.tick_size, facts.last_trade_price)
    )
    affects_book = isinstance(event, Unreadable) and event.affects_book
    neg_risk = NONE if facts.neg_risk is None else facts.neg_risk
    flags = (kind, side, relative, affects_book, claims, neg_risk)
    return (price, size, at, token, *bounds, *numbers, *best, words or (0,) * 5, *flags)


def _add_levels(
    bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], levels: list[tuple[int, int]]
) -> tuple[int, int, int]:
    first = len(levels)
    levels.extend((size, price) for price, size in (*bids, *asks))
    return first, first + len(bids), len(levels)
