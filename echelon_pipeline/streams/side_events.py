"""Side events of frames as columns: trades, lifecycles, quotes, account events, unreadable content.

Belongs here: shapes and their filling from the few frames with such events, each read once more. Account
events stay apart from everything that is published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echelon_pipeline.books.arrow import batch_from_rows
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.columns import Array
from echelon_pipeline.books.events import (
    Event,
    Notice,
    Own,
    OwnFill,
    OwnNote,
    OwnOrder,
    OwnPosition,
    Quoted,
    Refused,
    TickSize,
    Traded,
    Unreadable,
)
from echelon_pipeline.streams.segments import Connection
from echelon_pipeline.venues.live import OWN
from echelon_pipeline.venues.registry import venue_of

_TEXT, _INT, _BIG, _BOOL = pa.string(), pa.int32(), pa.int64(), pa.bool_()
_OF_A_FRAME: tuple[tuple[str, Any], ...] = (
    *(("received_at", _BIG), ("event_at", _BIG)),
    *(("connection", _TEXT), ("number", _BIG), ("position", _INT)),
)
_OF_AN_ACCOUNT: tuple[tuple[str, Any], ...] = (
    *((name, _TEXT) for name in ("listener", "kind", "market", "token")),
    ("buys", _BOOL),
    *((name, _BIG) for name in ("price", "size", "filled", "remaining", "fee")),
    *((name, _TEXT) for name in ("order_id", "client_order_id", "trade_id")),
    ("is_maker", _BOOL),
    *((name, _TEXT) for name in ("change", "status", "builder_code", "payload")),
)
_FIGURES = ("bid", "bid_size", "ask", "ask_size", "last", "volume", "open_interest")
_LISTS: dict[str, tuple[tuple[str, Any], ...]] = {
    "trades": (
        ("instrument_id", _TEXT),
        *_OF_A_FRAME,
        ("trade_id", _TEXT),
        ("outcome_index", _INT),
        ("price", _BIG),
        ("size", _BIG),
        ("buys", _BOOL),
        ("is_block", _BOOL),
    ),
    "quotes": (
        ("instrument_id", _TEXT),
        *_OF_A_FRAME,
        ("outcome_index", _INT),
        *((name, _BIG) for name in _FIGURES),
    ),
    "lifecycle": (("instrument_id", _TEXT), *_OF_A_FRAME, ("kind", _TEXT), ("payload", _TEXT)),
    "account": (*_OF_A_FRAME, *_OF_AN_ACCOUNT),
    "unreadable": (*_OF_A_FRAME, ("reason", _TEXT), ("payload", _TEXT)),
}
SCHEMAS = {name: pa.schema(list(columns)) for name, columns in _LISTS.items()}
_KINDS = {OwnOrder: "order", OwnFill: "fill", OwnPosition: "position", OwnNote: "other"}
LATEST = (1 << 63) - 1  # what a column holds; seconds as a venue tells them may be a thousand times that
# Dead letters are published.
_WITHHELD = "an account's event: the reason and the frame are in core.account_events"

_Row = tuple[Any, ...]
_Rows = dict[str, list[_Row]]


class SideEvents:
    """Of the frames of one chain, from ``since`` on."""

    def __init__(self, about: Connection, since: int) -> None:
        self._since, self._listener, self._is_own = since, about.listener, about.feed == OWN
        stream = venue_of(about.venue).stream
        self._word = stream.quote_word if about.quotes else ""  # where quotes are wanted
        self._reader = stream.reader(quotes=about.quotes)

    def batches(
        self, connection: str, first: int, frames: pa.RecordBatch, side_events: Array, tokens: Mapping[str, Instrument]
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Batches of ``SCHEMAS`` by name. ``side_events``: places of frames with more than levels and quotes;
        ``tokens``: what is watched, by ladder."""
        tables: _Rows = {name: [] for name in SCHEMAS}
        times = frames.column("received_at").cast(_BIG)
        for place in self._places(frames, side_events):
            at = times[place].as_py()
            if at >= self._since:
                payload = frames.column("payload")[place].as_py()
                for position, parsed in enumerate(self._reader(payload).events):
                    event = _in_bounds(parsed, payload)
                    origin = (at, getattr(event, "at", None), connection, first + place, position)
                    if self._is_own or isinstance(event, Own):
                        self._of_the_account(tables, origin, event)
                    else:
                        token = getattr(event, "token", None)
                        self._of_a_market(tables, origin, event, tokens.get(token) if token else None)
        for name, rows in tables.items():
            if rows:
                yield name, batch_from_rows(rows, SCHEMAS[name])

    def _places(self, frames: pa.RecordBatch, side_events: Array) -> list[int]:
        """Frames with quotes are looked for where they are wanted: most streams bring many. An account's frames are
        few, and all are its own."""
        if self._is_own:
            return list(range(frames.num_rows))
        if self._word:
            quoted = pc.match_substring(frames.column("payload"), self._word)
            side_events = np.union1d(side_events, np.flatnonzero(quoted.to_numpy(zero_copy_only=False)))
        found: list[int] = side_events.tolist()
        return found

    def _of_a_market(self, tables: _Rows, place: _Row, event: Event, found: Instrument | None) -> None:
        if isinstance(event, Unreadable):
            tables["unreadable"].append((*place, event.reason, _text(event.payload)))
        elif isinstance(event, Notice | TickSize):
            tables["lifecycle"].append((found and found.instrument_id, *place, *_lifecycle(event)))
        elif isinstance(event, Traded) and found is not None:
            outcome = found.tokens.index(event.token)
            trade = (event.trade_id, outcome, event.price, event.size, event.buys, event.is_block)
            tables["trades"].append((found.instrument_id, *place, *trade))
        elif isinstance(event, Quoted) and found is not None and self._word:
            figures = (getattr(event, name) for name in _FIGURES)
            tables["quotes"].append((found.instrument_id, *place, found.tokens.index(event.token), *figures))

    def _of_the_account(self, tables: _Rows, place: _Row, event: Event) -> None:
        """Whatever an account's own connection brings is the account's, read or not."""
        if isinstance(event, Own):
            tables["account"].append((*place, *_account(self._listener, event)))
        elif isinstance(event, Notice):
            tables["account"].append((*place, *_account(self._listener, OwnNote(event.kind, event.payload))))
        elif isinstance(event, Unreadable):
            note = OwnNote("unreadable", event.payload)
            tables["account"].append((*place, *_account(self._listener, note, event.reason)))
            tables["unreadable"].append((*place, _WITHHELD, ""))
        elif isinstance(event, Refused):  # the venue refused a request: a dead letter shows it
            tables["account"].append((*place, *_account(self._listener, OwnNote("refused", b""), event.why)))


def _in_bounds(event: Event, payload: bytes) -> Event:
    """One whose time no column holds cannot be read: it alone, not its hour."""
    if (getattr(event, "at", None) or 0) <= LATEST:
        return event
    return Unreadable(payload, "a time that 64 bits of microseconds do not hold", affects_book=False)


def _account(listener: str, event: Own, unread: str | None = None) -> _Row:
    """``unread``: why it could not be."""
    columns: dict[str, Any] = {
        **{name: getattr(event, name, None) for name, _ in _OF_AN_ACCOUNT},
        "listener": listener,
        "kind": _KINDS[type(event)],
        "payload": _text(event.payload),
    }
    if isinstance(event, OwnNote):
        columns |= {"status": event.word, "change": unread}
    else:
        columns["token"] = event.ladder
    return tuple(columns.values())


def _lifecycle(event: Notice | TickSize) -> tuple[str, str]:
    if isinstance(event, Notice):
        return event.kind, _text(event.payload)
    return "tick_size_change", msgspec.json.encode({"token": event.token, "tick_size": event.new}).decode()


def _text(payload: bytes) -> str:
    """As a table holds it: what is no UTF-8 is escaped."""
    return payload.decode("utf-8", errors="backslashreplace")
