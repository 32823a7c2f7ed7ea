"""Extracts objects from Kalshi's answers, byte for byte, and writes query values in Kalshi's formats.

Belongs here: the shapes that all endpoints share (envelope, cursor, single objects). ``client.py`` has the
paths, ``sql/parse/kalshi`` interprets objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote, urlencode

from echelon_pipeline.errors import BadRequest, SchemaDrift
from echelon_pipeline.venues import cutting
from echelon_pipeline.venues.cutting import MalformedError, elements, first, is_null, sound_parts, text_of
from echelon_pipeline.venues.http import Query
from echelon_pipeline.venues.page import RawObject
from echelon_pipeline.venues.walk import Read

Value = str | int | bool | datetime | Sequence[str] | None


def members(body: bytes, where: str) -> dict[str, bytes]:
    """The members of a JSON object as bytes; SchemaDrift where it is not an object."""
    try:
        return cutting.members(body)
    except MalformedError as error:
        raise _drift(body, where, "an object") from error


def rows(body: bytes, name: str, where: str) -> list[bytes]:
    """The elements of member ``name`` as bytes, of any kind; null is an empty list (the venue's nil).
    SchemaDrift where the member is missing or not an array."""
    try:
        lists = cutting.lists(body, name)
    except MalformedError as error:
        raise _drift(body, where, "an object") from error
    if not lists:
        raise _drift(body, f"{where} $.{name}", "an array, it is missing")
    found: list[bytes] = []
    for value in lists:
        try:
            found += [] if is_null(value) else elements(value)
        except MalformedError as error:
            raise _drift(value, f"{where} $.{name}", "an array") from error
    return found


def text(raw: bytes | None) -> str | None:
    """A member that is a text; None for an empty, missing, unreadable or other one."""
    return text_of(raw) if raw is not None and raw.startswith(b'"') else None


def cut(payload: bytes, key: str | None, context: Mapping[str, object] | None = None) -> RawObject:
    """One object as served. ``key`` names the member with the venue's id; a value that is not an object has none
    (the parsers reject it)."""
    native_id = None if key is None else text(first(payload, key))
    as_text = None if context is None else json.dumps(context, separators=(",", ":"), ensure_ascii=False)
    return RawObject(payload, native_id, as_text)


def listed(name: str, key: str | None, where: str, context: Mapping[str, object] | None = None) -> Read:
    """Reads ``{name: [...], cursor}``. The walk ends on a cursor that is "", null or missing (reference: 2)."""

    def read(body: bytes) -> tuple[list[RawObject], str | None]:
        objects = [cut(raw, key, context) for raw in rows(body, name, where)]
        cursor = members(body, where).get("cursor")
        if cursor is not None and not is_null(cursor) and not cursor.startswith(b'"'):
            raise _drift(cursor, f"{where} $.cursor", "a text")
        return objects, text(cursor)

    return read


def single(where: str) -> Read:
    """Reads an answer that is one object without an id; SchemaDrift where it is none."""

    def read(body: bytes) -> tuple[list[RawObject], str | None]:
        members(body, where)
        return [cut(body.strip(), None)], None

    return read


def candle_list(where: str, ticker: str, period: int, span: tuple[int, int]) -> Read:
    """Reads ``{ticker, candlesticks: [...]}`` of one archived market as one object."""
    context = _candle_context(ticker, period, span, "historical")

    def read(body: bytes) -> tuple[list[RawObject], str | None]:
        rows(body, "candlesticks", where)
        return [
            replace(cut(part.strip(), None, context), key=ticker) for part in sound_parts(body, "candlesticks")
        ], None

    return read


def candle_lists(where: str, period: int, span: tuple[int, int]) -> Read:
    """Reads ``{markets: [{market_ticker, candlesticks: [...]}]}`` as one object per market. A malformed one is kept
    unchanged, without a ticker where it has none: the parsers reject it."""

    def read(body: bytes) -> tuple[list[RawObject], str | None]:
        found = []
        for raw in rows(body, "markets", where):
            ticker = text(first(raw, "market_ticker"))
            context = _candle_context(ticker, period, span, "live")
            found += [replace(cut(part, None, context), key=ticker) for part in _parts(raw)]
        return found, None

    return read


def _parts(market: bytes) -> list[bytes]:
    try:
        return sound_parts(market, "candlesticks")
    except MalformedError:
        return [market]


def _candle_context(ticker: str | None, period: int, span: tuple[int, int], tier: str) -> dict[str, object]:
    return {"ticker": ticker, "period_interval": period, "start_ts": span[0], "end_ts": span[1], "tier": tier}


def query(**values: Value) -> Query:
    """Query pairs: lists joined by commas, true/false, whole Unix seconds (rounded down); None is left out.

    Raises BadRequest for a time without a zone.
    """
    return [(name, _word(value)) for name, value in values.items() if value is not None]


def seconds(moment: datetime) -> int:
    """Unix seconds, rounded down; BadRequest for a time without a zone."""
    if moment.tzinfo is None:
        raise BadRequest(f"a time without a zone cannot be requested: {moment}")
    return int(moment.timestamp() // 1)


def windows(start: datetime, end: datetime, step: int) -> Iterator[tuple[int, int]]:
    """[start, end] in Unix seconds, cut every ``step`` seconds; BadRequest where it is empty."""
    begin, until = seconds(start), seconds(end)
    if begin >= until:
        raise BadRequest(f"candles from {start} to {end}: the start must come before the end")
    for at in range(begin, until, step):
        yield at, min(at + step, until)


def at_most(what: str, items: Sequence[str], limit: int) -> Sequence[str]:
    """The items; BadRequest for none and above the venue's limit."""
    if not 1 <= len(items) <= limit:
        raise BadRequest(f"{what}: {len(items)} given, the venue takes 1 to {limit}")
    return items


def request_text(path: str, params: Query) -> str:
    """Path and query as stored beside every object."""
    return path + (f"?{urlencode(params)}" if params else "")


def segment(ticker: str) -> str:
    """A ticker as one segment of a path (tickers contain dots and may contain any character)."""
    return quote(ticker, safe="")


def _word(value: str | int | datetime | Sequence[str]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(seconds(value))
    if isinstance(value, str | int):
        return str(value)
    return ",".join(value)


def _drift(body: bytes, where: str, expected: str) -> SchemaDrift:
    return SchemaDrift(f"kalshi {where}: expected {expected}, got {body[:120].decode('utf-8', 'replace')}")
