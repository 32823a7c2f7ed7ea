"""Creates and enlarges the arrays of the compiled rules.

Belongs here: allocation. Compiled code cannot enlarge arrays, so its caller makes them large enough for a chunk.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.columns import EVENT, LEVEL, NONE, Array, Columns, Kind, Texts
from echelon_pipeline.books.fast import arrays, timeouts
from echelon_pipeline.books.fast.arrays import KernelState
from echelon_pipeline.books.fast.hashes import SCRATCH
from echelon_pipeline.books.fast.ladders import FIRST_ROOM
from echelon_pipeline.books.rows import Reason
from echelon_pipeline.books.validity import WAYS

BEFORE_SNAPSHOT = arrays.REASONS.index(Reason.BEFORE_SNAPSHOT)


def new(budget: int, *, sequences: bool) -> KernelState:
    """The state without any instrument."""
    clock = np.zeros(1, arrays.CLOCK)
    clock["budget"], clock["sequences"], clock["first_claim"], clock["first_kept"] = budget, sequences, NONE, NONE
    return KernelState(
        clock=clock,
        books=np.zeros(0, arrays.BOOK),
        shown=np.zeros((0, 2, arrays.LEVELS), LEVEL),
        ladders=np.zeros(0, arrays.LADDER),
        sides=np.zeros(0, arrays.SIDE),
        pool=np.zeros(0, LEVEL),
        claims=np.zeros(0, arrays.CLAIM),
        kept=np.zeros(0, EVENT),
        kept_after=np.full(0, NONE, "i4"),
        subscriptions=np.zeros(0, arrays.SUBSCRIPTION),
        quiet=timeouts.new(0),
        rechecks=timeouts.new(0),
        book_proofs=timeouts.new(0),
        subscription_proofs=timeouts.new(0),
        ladder_of=np.full(0, NONE, "i4"),
        texts=np.zeros(0, "u1"),
        text_ends=np.zeros(1, "i8"),
        scratch=np.zeros(SCRATCH, "u1"),
        state=np.zeros(6, "u4"),
        words=np.zeros(80, "u4"),
    )


def longer(array: Array, length: int, fill: int = 0) -> Array:
    """The array with at least ``length`` elements; twice as long if it must be copied. Zeros are not written: the
    system gives zeroed pages when they are used."""
    if len(array) >= length:
        return array
    copy: Any = np.zeros((max(length, 2 * len(array)), *array.shape[1:]), array.dtype)
    copy[: len(array)] = array
    if fill:
        copy[len(array) :] = fill
    return copy


def with_book(m: KernelState, book: int) -> KernelState:
    """The state with space for the book of that number."""
    books = longer(m.books, book + 1)
    count = len(books)
    waiting = {name: longer(getattr(m, name), count + 1, NONE) for name in ("quiet", "book_proofs")}
    return m._replace(
        books=books,
        shown=longer(m.shown, count),
        ladders=longer(m.ladders, 2 * count),
        sides=longer(m.sides, 4 * count),
        rechecks=longer(m.rechecks, WAYS * count + 1, NONE),
        **waiting,
    )


def with_space(m: KernelState, columns: Columns, texts: Texts) -> KernelState:
    """The state with space for a chunk, whatever its frames contain.

    A side that is full moves to a place twice as large: all of its moves together take less than four times its final
    number of levels. A REST book is followed by the changes that are buffered for it, and by their hashes.
    """
    clock, events = m.clock[0], len(columns.events)
    has_rest_books = (columns.events["kind"] == Kind.REST_BOOK).any()
    buffered = len(m.kept) - int(clock["free_kept"]) + events if has_rest_books else 0
    levels = int(m.sides["count"].sum()) + events + len(columns.levels) + buffered
    pool = int(clock["pool_end"]) + 4 * levels + 2 * FIRST_ROOM * len(m.sides)
    new_subscriptions = len(np.unique(columns.frames["sid"])) + int((columns.events["kind"] == Kind.SUBSCRIBED).sum())
    subscriptions = longer(m.subscriptions, int(clock["subscriptions"]) + new_subscriptions)
    return m._replace(
        pool=longer(m.pool, pool),
        claims=_with_free_claims(m, events + buffered),
        **_with_free_kept(m, events),
        subscriptions=subscriptions,
        subscription_proofs=longer(m.subscription_proofs, len(subscriptions) + 1, NONE),
        ladder_of=longer(m.ladder_of, len(texts), NONE),
        texts=texts.pool,
        text_ends=texts.ends,
    )


def _with_free_claims(m: KernelState, wanted: int) -> Array:
    clock, old = m.clock[0], len(m.claims)
    if clock["free_claims"] >= wanted:
        return m.claims
    claims = longer(m.claims, old + wanted)
    claims["after"][old:] = np.arange(old + 1, len(claims) + 1)
    claims["after"][-1] = clock["first_claim"]
    clock["first_claim"], clock["free_claims"] = old, clock["free_claims"] + len(claims) - old
    return claims


def _with_free_kept(m: KernelState, wanted: int) -> dict[str, Array]:
    clock, old = m.clock[0], len(m.kept)
    if clock["free_kept"] >= wanted:
        return {}
    kept = longer(m.kept, old + wanted)
    after = longer(m.kept_after, len(kept))
    after[old:] = np.arange(old + 1, len(after) + 1)
    after[-1] = clock["first_kept"]
    clock["first_kept"], clock["free_kept"] = old, clock["free_kept"] + len(kept) - old
    return {"kept": kept, "kept_after": after}


def place(m: KernelState, book: int, name: int, instrument: Instrument, texts: Texts) -> None:
    """Initialises a book that is watched from now on."""
    b, now, facts = m.books[book], m.clock[0]["now"], instrument.facts
    for field in arrays.BOOK.names or ():
        b[field] = 0
    for field in ("subscription", "traded", "row_event", "row_bid_levels", "row_ask_levels"):
        b[field] = NONE
    b["row_bid_depth"] = b["row_ask_depth"] = NONE
    b["used"], b["outcomes"], b["name"] = 1, len(instrument.tokens), name
    b["close_at"] = arrays.NEVER if instrument.close_at is None else instrument.close_at
    b["reason"] = b["row_reason"] = BEFORE_SNAPSHOT
    b["from_at"] = b["row_from"] = b["batch_last"] = now
    b["row_state"] = arrays.UNKNOWN
    b["market"], b["min_order_size"] = texts.number(facts.market), texts.number(facts.min_order_size)
    b["tick"], b["traded"] = texts.number(facts.tick_size), texts.number(facts.last_trade_price)
    b["neg_risk"] = NONE if facts.neg_risk is None else facts.neg_risk
    m.sides[4 * book : 4 * book + 4]["count"] = 0
    m.sides[4 * book : 4 * book + 4]["depth"] = 0
    ladders = m.ladders[2 * book : 2 * book + 2]
    ladders["trust"], ladders["claim"], ladders["miss"] = arrays.NO_TRUST, NONE, NONE
    ladders["kept_first"], ladders["kept_last"], ladders["kept_count"] = NONE, NONE, 0
    ladders["best_bid"] = ladders["best_ask"] = NONE
    for outcome, token in enumerate(instrument.tokens):
        m.ladders[2 * book + outcome]["token"] = texts.number(token)
