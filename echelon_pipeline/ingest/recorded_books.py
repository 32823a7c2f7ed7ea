"""Converts order books of other recorders into the frames that the venue would have sent.

Belongs here: whole books (answers of ``/book`` and ``/orderbook``, snapshots in lines) and tables of levels, found by
known names or by a mapping. ``recorded.py`` finds their instruments and writes the frames.

Fields of a mapping: ``instrument`` (a ticker, a condition), ``token_id``, ``received_at`` and ``event_at`` (a text, or
``_epoch_s``, ``_epoch_ms``, ``_epoch_us``, ``_epoch_ns``), ``bids`` and ``asks`` or ``yes`` and ``no`` (lists of levels
in dollars; ``bids_cents`` and so on in cents); of a table of levels ``side``, ``price`` (or ``price_cents``), ``size``;
of either ``hash``, ``tick_size``, ``min_order_size``, ``is_neg_risk``, ``last_trade_price``, ``outcome_index``. Units
come from names, never from magnitude.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from echelon_pipeline.domain.sides import book_side
from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.recorded_records import BOOK, FAULT, LINE, records, value_at
from echelon_pipeline.venues.registry import venue_of

Obj = dict[str, Any]
Levels = list[tuple[str, str]]  # price, size as texts
EPOCHS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": None}
TIMES = ("received_at", "event_at")
LISTS = ("bids", "asks", "yes", "no")  # sides as lists of levels
FACTS = ("tick_size", "min_order_size", "is_neg_risk", "last_trade_price", "outcome_index")
FIELDS = frozenset(
    {
        *("instrument", "token_id", "side", "price", "price_cents", "size", "hash", *LISTS),
        *(f"{side}_cents" for side in LISTS),
        *("tick_size", "min_order_size", "is_neg_risk", "outcome_index", "last_trade_price"),
        *(f"{time}{unit}" for time in TIMES for unit in ("", *(f"_epoch_{unit}" for unit in EPOCHS))),
    }
)
# Names of fields at venues and recorders, for fields without a mapping; the first name that a record has is used.
NAMES: dict[str, tuple[str, ...]] = {
    "token_id": ("token_id", "asset_id"),
    "instrument": ("market_ticker", "ticker", "condition_id", "conditionId", "market"),
    "received_at": ("received_at", "captured_at", "recorded_at", "fetched_at_utc", "fetched_at"),
    "received_at_epoch_ms": ("received_ms", "recv_ms", "captured_ms", "fetched_at_ms"),
    "event_at_epoch_ms": ("ts_ms",),
    "bids": ("bids",),
    "asks": ("asks",),
    "side": ("side",),
    "price": ("price",),
    "size": ("size",),
    "hash": ("hash",),
    "tick_size": ("tick_size",),
    "min_order_size": ("min_order_size",),
    "is_neg_risk": ("neg_risk", "is_neg_risk"),
    "outcome_index": ("outcome_index",),
    "last_trade_price": ("last_trade_price",),
}
NO_UNIT = "yes and no have no unit: map yes and no (dollars) or yes_cents and no_cents"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RecordedBook(NamedTuple):
    """One book at an instant: the frame's object without the facts of its market. ``at``: microseconds of receipt, or
    of the venue's clock where the record has no other time; ``name``: of the ladder; ``market``: the venue's name of
    it. ``record``: as in the file; ``fault``: why it has no book."""

    at: int
    name: str
    market: str | None
    body: Obj
    facts: Obj
    record: object
    fault: str | None = None


def books_of(path: Path, venue: str, mapping: Mapping[str, str] | None, zone: tzinfo) -> list[RecordedBook]:
    """Books of a file in time order; books of the same time in file order.

    Raises BadImport where the file cannot be read or a mapping names an unknown field.
    """
    unknown = sorted(set(mapping or ()) - FIELDS)
    if unknown:
        raise BadImport(f"{path}: books have no field {', '.join(unknown)}; known are {', '.join(sorted(FIELDS))}")
    columns = {field: column for field, column in (mapping or {}).items() if not column.startswith("=")}
    levels = {*LISTS, *(f"{side}_cents" for side in LISTS), "price", "price_cents"}
    read = records(path, [column for field, column in columns.items() if field in levels])
    for field, column in columns.items():
        if all(value_at(record, column) is None for record in read):
            raise BadImport(f"{path}: no record has {column} (for {field})")
    reader = _BookReader(venue, mapping, zone)
    books: list[RecordedBook] = []
    for _, group in groupby(read, reader.key):
        books += reader.books(list(group))
    return sorted(books, key=lambda book: book.at)


class _BookReader:
    """Makes books of one venue from records."""

    def __init__(self, venue: str, mapping: Mapping[str, str] | None, zone: tzinfo) -> None:
        self._mapping, self._zone, known = dict(mapping or {}), zone, venue_of(venue)
        self._stream, self._has_tokens = known.stream, known.facts.has_tokens

    def field(self, record: Obj, name: str) -> Any:
        """The value of a field: from the mapped column or path, a literal, or a known name."""
        column = self._mapping.get(name)
        if column is not None:
            if column.startswith("="):
                return column[1:]
            return value_at(record, column)
        if name in ("received_at", "event_at") and any(f.startswith(name) for f in self._mapping):
            return None
        # An empty last trade means that there was none, and is part of the hash.
        nothing = (None,) if name == "last_trade_price" else (None, "")
        return next((record[n] for n in NAMES.get(name, ()) if record.get(n) not in nothing), None)

    def key(self, record: Obj) -> tuple[Any, ...]:
        """The key that rows of levels of one book share; a whole book has a key of its own."""
        lists = (self.field(record, f"{side}{unit}") for side in LISTS for unit in ("", "_cents"))
        if FAULT in record or self.field(record, "side") is None or any(one is not None for one in lists):
            return (id(record),)
        names = ("token_id", "instrument", "hash", *sorted(f for f in FIELDS if f.startswith(TIMES)))
        return (*(self.field(record, name) for name in names), record.get("timestamp"), record.get("event_type"))

    def books(self, rows: list[Obj]) -> list[RecordedBook]:
        if FAULT in rows[0]:
            return [RecordedBook(0, "", None, {}, {}, rows[0][LINE], rows[0][FAULT])]
        try:
            return [self._book(rows)]
        except (ValueError, InvalidOperation, TypeError, KeyError, OverflowError) as error:
            why = str(error) or type(error).__name__
            return [RecordedBook(0, "", None, {}, {}, row, why) for row in rows]

    def _book(self, rows: list[Obj]) -> RecordedBook:
        first = rows[0]
        token, instrument = self.field(first, "token_id"), self.field(first, "instrument")
        name = token if self._has_tokens else instrument
        if not name:
            raise ValueError("no token" if self._has_tokens else "no ticker")
        if first.get("event_type") not in (None, "", "book"):
            raise ValueError(f"a row of {first['event_type']} is not a book: import it with --table frames")
        received, event = self._time(first, "received_at"), self._time(first, "event_at")
        event = self._timestamp(first) if event is None else event
        at = event if received is None else received
        if at is None:
            raise ValueError("no time: map received_at or event_at")
        facts = {name: self.field(first, name) for name in FACTS}
        bids, asks = self._levels(rows)
        digest = None if event is None else self.field(first, "hash")  # the hash covers the time
        body = self._stream.book(str(name), bids, asks, at, event, str(digest) if digest else None)
        return RecordedBook(at, str(name), None if instrument is None else str(instrument), body, facts, first)

    # --- levels

    def _levels(self, rows: list[Obj]) -> tuple[Levels, Levels]:
        first = rows[0]
        book = first.get(BOOK)
        yes, no = self._side(first, "yes"), self._side(first, "no")
        if isinstance(book, dict):
            yes, no = (_listed(_finest(book, side)) for side in ("yes", "no"))
        if yes is not None or no is not None:
            return yes or [], [(f"{1 - Decimal(price):f}", size) for price, size in no or []]
        bids, asks = self._side(first, "bids"), self._side(first, "asks")
        if bids is not None or asks is not None:
            return bids or [], asks or []
        if any(isinstance(first.get(side), list) for side in ("yes", "no")):
            raise ValueError(NO_UNIT)
        found: tuple[Levels, Levels] = ([], [])
        for row in rows:
            word = self.field(row, "side")
            side = None if word is None else book_side(str(word))
            if side is None:
                raise ValueError(f"a level with the side {str(word)[:20]!r}")
            price, size = self._price(row), _number(self.field(row, "size"))
            if Decimal(size):
                found[not side.is_bid].append((f"{1 - Decimal(price):f}" if side.is_mirrored else price, size))
        return found

    def _side(self, record: Obj, name: str) -> Levels | None:
        """A list of levels in dollars; None where the record has none."""
        cents, dollars = self.field(record, f"{name}_cents"), self.field(record, name)
        if cents is not None:
            return [(f"{Decimal(price) / 100:f}", size) for price, size in _listed(cents)]
        return None if dollars is None else _listed(dollars)

    def _price(self, row: Obj) -> str:
        cents = self.field(row, "price_cents")
        return _number(self.field(row, "price")) if cents is None else f"{Decimal(str(cents)) / 100:f}"

    # --- times

    def _time(self, record: Obj, name: str) -> int | None:
        """Microseconds since 1970."""
        for unit, factor in EPOCHS.items():
            value = self.field(record, f"{name}_epoch_{unit}")
            if value is not None:
                number = Decimal(str(value))
                return int(number // 1_000 if factor is None else number * factor)
        value = self.field(record, name)
        return None if value is None else self._iso_time(str(value))

    def _timestamp(self, record: Obj) -> int | None:
        """The venue's own time of a book: milliseconds in a text of digits, or an ISO time."""
        if any(field.startswith(TIMES) for field in self._mapping) or record.get("timestamp") in (None, ""):
            return None
        text = str(record["timestamp"])
        return int(text) * 1_000 if text.isdigit() else self._iso_time(text)

    def _iso_time(self, text: str) -> int:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"expected a time like 2026-03-01T00:00:00Z, got {text[:40]!r}") from None
        return ((at if at.tzinfo else at.replace(tzinfo=self._zone)) - _EPOCH) // timedelta(microseconds=1)


def _finest(book: Obj, side: str) -> Any:
    """A side of a Kalshi book in its finest encoding: dollars before cents."""
    for name in (f"{side}_dollars_fp", f"{side}_dollars"):
        if book.get(name) is not None:
            return book[name]
    return [[str(Decimal(str(price)) / 100), size] for price, size in book.get(side) or []]


def _listed(side: Any) -> Levels:
    """Levels of a side: pairs, or objects with price and size, or JSON text of these. Levels of size 0 are left out."""
    levels = json.loads(side, parse_float=str) if isinstance(side, str) and side.strip() else side or []
    if not isinstance(levels, list):
        raise TypeError(f"expected a list of levels, got {str(levels)[:40]!r}")
    pairs = [(one["price"], one["size"]) if isinstance(one, dict) else tuple(one)[:2] for one in levels]
    return [(_number(price), _number(size)) for price, size in pairs if Decimal(str(size))]


def _number(value: Any) -> str:
    """A decimal as the venues write it."""
    if value in (None, ""):
        raise ValueError("a level without a price or a size")
    return f"{Decimal(str(value)):f}"
