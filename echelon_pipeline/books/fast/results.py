"""What the compiled rules wrote, as Arrow.

Belongs here: arrays of records to batches. Numbers below zero that mean nothing become nulls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from echelon_pipeline.books import batches
from echelon_pipeline.books.batches import lists, named, nullable
from echelon_pipeline.books.columns import MILLISECOND, Array
from echelon_pipeline.books.events import Facts
from echelon_pipeline.books.fast.state import (
    AT_ASKS,
    AT_BIDS,
    AT_CHECKS,
    AT_GAPS,
    AT_NOTES,
    AT_ROWS,
    BY_PRICE,
    REASONS,
    STATES,
    Made,
)
from echelon_pipeline.books.rows import Note
from echelon_pipeline.domain.scaled import three_decimals

_REASONS, _STATES = [reason.value for reason in REASONS], [state.value for state in STATES]


def written(made: Made, begins: Sequence[int]) -> Made:
    """What was written since ``begins``, in place: nobody writes there again."""
    at = [slice(begin, end) for begin, end in zip(begins, made.ends.tolist(), strict=True)]
    bids, asks = at[AT_BIDS], at[AT_ASKS]
    return Made(
        made.rows[at[AT_ROWS]],
        made.bid_prices[bids],
        made.bid_sizes[bids],
        made.ask_prices[asks],
        made.ask_sizes[asks],
        made.gaps[at[AT_GAPS]],
        made.checks[at[AT_CHECKS]],
        made.notes[at[AT_NOTES]],
        made.ends,
    )


def rows_of(made: Made, names: Sequence[str], connections: Sequence[str]) -> pa.RecordBatch:
    rows = made.rows
    unknown = rows["bid_levels"] < 0
    columns: list[Any] = [
        named(rows["name"], names),
        pa.array(rows["valid_from"]),
        pa.array(rows["valid_to"]),
        named(rows["state"], _STATES, batches.WORD),
        named(rows["reason"], _REASONS, batches.WORD),
        nullable(rows["event_at"] * MILLISECOND, pa.int64(), missing=rows["event_at"] < 0),
        named(rows["connection"], connections),
        pa.array(rows["number"]),
        lists(rows["bids"], made.bid_prices, pa.int32()),
        lists(rows["bids"], made.bid_sizes, pa.int64()),
        lists(rows["asks"], made.ask_prices, pa.int32()),
        lists(rows["asks"], made.ask_sizes, pa.int64()),
        *(nullable(rows[name], pa.int64(), missing=unknown) for name in ("bid_depth", "ask_depth")),
        *(nullable(rows[name], pa.int32(), missing=unknown) for name in ("bid_levels", "ask_levels")),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batches.ROWS)


def gaps_of(gaps: Array, names: Sequence[str], connections: Sequence[str]) -> pa.RecordBatch:
    columns: list[Any] = [
        named(gaps["name"], names),
        named(gaps["reason"], _REASONS, batches.WORD),
        nullable(gaps["last_good_at"], pa.int64(), missing=gaps["last_good_at"] == 0),
        pa.array(gaps["from_at"]),
        nullable(gaps["to_at"], pa.int64(), missing=gaps["to_at"] < 0),
        named(gaps["connection"], connections),
        pa.array(gaps["discarded"]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batches.GAPS)


def checks_of(checks: Array, names: Sequence[str]) -> pa.RecordBatch:
    columns: list[Any] = [
        named(checks["name"], names),
        pa.array(checks["at"]),
        pa.array(checks["number"]),
        pa.array(checks["matched"].astype(bool)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batches.CHECKS)


def facts_of(told: Any, text: Callable[[int], str | None]) -> Facts:
    """The facts of a book, or of a note about them."""
    traded = three_decimals(int(told["traded_price"])) if told["traded"] == BY_PRICE else text(int(told["traded"]))
    risk = None if told["neg_risk"] < 0 else bool(told["neg_risk"])
    market, least, tick = (text(int(told[name])) for name in ("market", "least", "tick"))
    return Facts(market, least, tick, risk, traded)


def notes_of(notes: Array, names: Sequence[str], text: Callable[[int], str | None]) -> pa.RecordBatch:
    told = [Note("wrong_facts", names[note["name"]], int(note["at"]), repr(facts_of(note, text))) for note in notes]
    return pa.RecordBatch.from_pylist([note._asdict() for note in told], batches.NOTES)
