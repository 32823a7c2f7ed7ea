"""The Data API's filters over trades.

Belongs here: the trades of a query, within the windows that the venue really serves (reference: Polymarket 4.1, 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import QueryParams

from echelon_pipeline.sandbox.polymarket.builders import side_of, wallet
from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.wire import ErrorResponse, cursor_of, list_param, read_cursor
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.names import EVENT_ID

Obj = dict[str, Any]
V1_MAX_OFFSET, V1_MAX_LIMIT = 3000, 2000


def deny(message: str, parameter: str | None = None, *, v1: bool = False) -> ErrorResponse:
    """The Data API's error body; v1 has the message only."""
    if v1:
        return ErrorResponse(400, {"error": message})
    body = {"error": message, "code": "invalid_request", "retryable": False, "trace_id": "0" * 32}
    return ErrorResponse(400, body | ({"parameter": parameter} if parameter else {}))


def page_size(query: QueryParams, default: int = 100) -> int:
    """v2 page size: more than 1000 is refused, not clamped; ``offset`` is always refused."""
    if "offset" in query:
        raise deny("offset is not supported, use cursor", "offset")
    text = query.get("limit")
    if text is None:
        return default
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise deny("limit must be between 1 and 1000", "limit")
    return int(text)


def requested_conditions(query: QueryParams) -> list[str]:
    """Conditions of a v2 filter: the documented parameter, or the one that the official client 0.14 sends."""
    return list_param(query, "condition") or list_param(query, "condition_id")


def envelope(rows: list[Obj], size: int, following: str | None) -> Obj:
    page = {
        "limit": size,
        "offset": len(rows),
        "has_more": following is not None,
        "next_cursor": None if following is None else cursor_of(following),
    }
    return {"data": rows, "pagination": page}


class DataQuery:
    """Numbers of trades by query, newest first."""

    def __init__(self, state: PolymarketState) -> None:
        self._state = state

    def place(self, query: QueryParams) -> int:
        """The position in a v2 cursor; 0 without a cursor."""
        cursor = query.get("cursor")
        if not cursor:
            return 0
        head, _, at = (read_cursor(cursor) or "").partition(":")
        if head != "d" or not at.isdigit():
            raise deny("invalid cursor", "cursor")
        return int(at)

    def trades(self, query: QueryParams, now_us: int, size: int) -> tuple[list[int], int | None]:
        """One v2 page, and the trade number below which the next page begins."""
        conditions, events = requested_conditions(query), list_param(query, "event_id")
        if conditions and events:
            raise deny("must provide either eventId or condition, not both", "condition")
        if len(conditions) > 20 or len(events) > 20:
            raise deny("at most 20 values", "condition" if conditions else "event_id")
        table = self._state.venue.trades
        high = table.visible(now_us)
        if at := self.place(query):
            high = min(high, at)
        if conditions or events:
            rows: Sequence[int] = self._of_markets(conditions, events, high)
        else:
            rows = range(self._floor(query, now_us), high)
        return self._page(rows, query, size)

    def _floor(self, query: QueryParams, now_us: int) -> int:
        """The unfiltered feed begins at the start of last month; a user's feed may set ``start``."""
        table = self._state.venue.trades
        if query.get("user"):
            start = query.get("start", "")
            return table.visible(int(start) * 1_000_000 - 1) if start.isdigit() else 0
        month = datetime.fromtimestamp(now_us // 1_000_000, UTC).replace(day=1, hour=0, minute=0, second=0)
        previous = datetime.fromtimestamp(month.timestamp() - DAY, UTC).replace(day=1)
        return table.visible(int(previous.timestamp()) * 1_000_000 - 1)

    def _of_markets(self, conditions: list[str], events: list[str], high: int) -> list[int]:
        rows = [row for c in conditions if (row := self._state.names.find_condition(c)) is not None]
        for text in events:
            n = int(text) - EVENT_ID if text.isdigit() else -1
            if 0 <= n < len(self._state.venue.events):
                event = self._state.venue.events[n]
                rows += range(event.first, event.first + event.count)
        if len(rows) == 1:
            return list(self._state.venue.trades.of(rows[0], 0, high))
        return sorted(n for i in rows for n in self._state.venue.trades.of(i, 0, high))

    def _page(self, rows: Sequence[int], query: QueryParams, size: int) -> tuple[list[int], int | None]:
        page: list[int] = []
        for n in reversed(rows):
            if self._fits(n, query):
                if len(page) == size:
                    return page, page[-1]
                page.append(n)
        return page, None

    def _fits(self, n: int, query: QueryParams) -> bool:
        table = self._state.venue.trades
        side, user = query.get("side"), query.get("user")
        if side and (side.upper() == "BUY") != side_of(table.key[n])[1]:
            return False
        if user and wallet(self._state, table.key[n]).lower() != user.lower():
            return False
        min_amount = query.get("filter_amount") or query.get("filterAmount")
        if not min_amount:
            return True
        in_cash = (query.get("filter_type") or query.get("filterType") or "CASH") == "CASH"
        amount = table.size[n] * table.price[n] // 10_000 if in_cash else table.size[n]
        return amount >= float(min_amount) * 1_000_000

    def v1_trades(self, query: QueryParams, now_us: int) -> list[int]:
        """One v1 page: limit and offset over a moving feed, capped."""
        start, size = int(query.get("offset", 0) or 0), min(int(query.get("limit", 100) or 100), V1_MAX_LIMIT)
        if start > V1_MAX_OFFSET:
            raise deny(f"max historical trades offset of {V1_MAX_OFFSET} exceeded", v1=True)
        high = self._state.venue.trades.visible(now_us)
        markets, events = list_param(query, "market"), list_param(query, "eventId")
        rows: Sequence[int] = self._of_markets(markets, events, high) if markets or events else range(high)
        trades, _ = self._page(rows, query, start + size)
        return trades[start:]

    def history_window(self, query: QueryParams, now: int, windows: dict[str, int]) -> tuple[int, int, int, int]:
        """start, end, bucket seconds and page size of a v2 price history."""
        bucket = int(query.get("bucket_seconds", "60") or 60)
        size = int(query.get("limit", "1000") or 1000)
        if not 60 <= bucket <= 86_400:
            raise deny("bucket_seconds must be between 60 and 86400", "bucket_seconds")
        if not 1 <= size <= 10_000:
            raise deny("limit must be between 1 and 10000", "limit")
        interval, start = query.get("interval"), query.get("start")
        if bool(interval) == bool(start):
            raise deny("exactly one of interval, start is required", "interval")
        if interval:
            if interval not in windows:
                raise deny("unknown interval", "interval")
            return now - windows[interval], now, bucket, size
        first, last = int(start or 0), int(query.get("end") or now)
        if first <= 0 or last <= 0:
            raise deny("bounds must be positive", "start")
        if last - first > 15 * DAY:
            raise deny("window must not exceed 15 days", "start")
        return first, last, bucket, size
