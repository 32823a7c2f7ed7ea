"""The output of the compiled rules as Arrow.

Belongs here: arrays of records to batches. Numbers below zero that mean none become nulls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from echelon_pipeline.books import arrow
from echelon_pipeline.books.arrow import dictionary_array, list_array, nullable_array
from echelon_pipeline.books.columns import MILLISECOND, Array
from echelon_pipeline.books.events import Facts
from echelon_pipeline.books.fast.arrays import (
    AT_ASKS,
    AT_BIDS,
    AT_CHECKS,
    AT_GAPS,
    AT_NOTES,
    AT_ROWS,
    BY_PRICE,
    REASONS,
    STATES,
    KernelOutput,
)
from echelon_pipeline.books.rows import Note
from echelon_pipeline.domain.scaled import three_decimals

_REASONS, _STATES = [reason.value for reason in REASONS], [state.value for state in STATES]


def written(out: KernelOutput, begins: Sequence[int]) -> KernelOutput:
    """The output since ``begins``, without a copy: it is not written again."""
    at = [slice(begin, end) for begin, end in zip(begins, out.ends.tolist(), strict=True)]
    bids, asks = at[AT_BIDS], at[AT_ASKS]
    return KernelOutput(
        out.rows[at[AT_ROWS]],
        out.bid_prices[bids],
        out.bid_sizes[bids],
        out.ask_prices[asks],
        out.ask_sizes[asks],
        out.gaps[at[AT_GAPS]],
        out.checks[at[AT_CHECKS]],
        out.notes[at[AT_NOTES]],
        out.ends,
    )


def rows_of(out: KernelOutput, names: Sequence[str], connections: Sequence[str]) -> pa.RecordBatch:
    rows = out.rows
    unknown = rows["bid_levels"] < 0
    columns: list[Any] = [
        dictionary_array(rows["name"], names),
        pa.array(rows["valid_from"]),
        pa.array(rows["valid_to"]),
        dictionary_array(rows["state"], _STATES, arrow.WORD),
        dictionary_array(rows["reason"], _REASONS, arrow.WORD),
        nullable_array(rows["event_at"] * MILLISECOND, pa.int64(), missing=rows["event_at"] < 0),
        dictionary_array(rows["connection"], connections),
        pa.array(rows["number"]),
        list_array(rows["bids"], out.bid_prices, pa.int32()),
        list_array(rows["bids"], out.bid_sizes, pa.int64()),
        list_array(rows["asks"], out.ask_prices, pa.int32()),
        list_array(rows["asks"], out.ask_sizes, pa.int64()),
        *(nullable_array(rows[name], pa.int64(), missing=unknown) for name in ("bid_depth", "ask_depth")),
        *(nullable_array(rows[name], pa.int32(), missing=unknown) for name in ("bid_levels", "ask_levels")),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=arrow.ROWS)


def gaps_of(gaps: Array, names: Sequence[str], connections: Sequence[str]) -> pa.RecordBatch:
    columns: list[Any] = [
        dictionary_array(gaps["name"], names),
        dictionary_array(gaps["reason"], _REASONS, arrow.WORD),
        nullable_array(gaps["last_good_at"], pa.int64(), missing=gaps["last_good_at"] == 0),
        pa.array(gaps["from_at"]),
        nullable_array(gaps["to_at"], pa.int64(), missing=gaps["to_at"] < 0),
        dictionary_array(gaps["connection"], connections),
        pa.array(gaps["discarded"]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=arrow.GAPS)


def checks_of(checks: Array, names: Sequence[str]) -> pa.RecordBatch:
    columns: list[Any] = [
        dictionary_array(checks["name"], names),
        pa.array(checks["at"]),
        pa.array(checks["number"]),
        pa.array(checks["matched"].astype(bool)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=arrow.CHECKS)


def facts_of(values: Any, text: Callable[[int], str | None]) -> Facts:
    """The facts of a book or of a note."""
    traded = (
        three_decimals(int(values["traded_price"])) if values["traded"] == BY_PRICE else text(int(values["traded"]))
    )
    risk = None if values["neg_risk"] < 0 else bool(values["neg_risk"])
    market, min_order_size, tick = (text(int(values[name])) for name in ("market", "min_order_size", "tick"))
    return Facts(market, min_order_size, tick, risk, traded)


def notes_of(notes: Array, names: Sequence[str], text: Callable[[int], str | None]) -> pa.RecordBatch:
    rows = [Note("wrong_facts", names[note["name"]], int(note["at"]), repr(facts_of(note, text))) for note in notes]
    return pa.RecordBatch.from_pylist([note._asdict() for note in rows], arrow.NOTES)
