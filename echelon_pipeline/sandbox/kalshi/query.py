"""Kalshi's filters: reads parameters, refuses invalid ones, selects rows.

Belongs here: markets, events and trades by query (reference: Kalshi REST 3.3, 3.4, 3.6, 3.8).
"""

from __future__ import annotations

import re
from bisect import bisect_left

import polars as pl
from starlette.datastructures import QueryParams

from echelon_pipeline.sandbox.kalshi.views import KalshiViews
from echelon_pipeline.sandbox.server.wire import ErrorResponse, cursor_of, list_param, read_cursor
from echelon_pipeline.sandbox.universe.catalog import COMBO_SERIES, DAY
from echelon_pipeline.sandbox.universe.columns import Ints
from echelon_pipeline.sandbox.universe.selections import Selections
from echelon_pipeline.sandbox.universe.trades import is_block

LIVE_DAYS = 90  # the live tier has three months; earlier settlements and trades are historical
_COLUMN = {"created": "created", "close": "closes", "settled": "settled", "updated": "updated"}
_FITS: dict[str, set[str | None]] = {
    "created": {"unopened", "open", None},
    "close": {"closed", None},
    "settled": {"settled", None},
    "updated": {None},
}
_TIME = re.compile(r"(min|max)_(created|close|settled|updated)_ts")


def refuse(code: str, message: str, status: int = 400) -> ErrorResponse:
    """Kalshi's error body."""
    return ErrorResponse(status, {"error": {"code": code, "message": message}})


def not_found() -> ErrorResponse:
    return refuse("not_found", "not found", 404)


def integer(query: QueryParams, name: str) -> int | None:
    """An integer parameter; anything else, also a float, is refused with Kalshi's message."""
    text = query.get(name)
    if text is None or text == "":
        return None
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise ErrorResponse(400, {"msg": f"Invalid format for parameter {name}: error binding string parameter"})
    return int(text)


def limit(query: QueryParams, default: int, maximum: int) -> int:
    """Page size; a size above the maximum is refused."""
    size = integer(query, "limit")
    if size is None or size == 0:
        return default
    if not 0 < size <= maximum:
        raise refuse("bad_request", f"limit must be between 1 and {maximum}")
    return size


def page_start(query: QueryParams, kind: str) -> int:
    """First row of a page: 0, or the position in the cursor."""
    cursor = query.get("cursor")
    if not cursor:
        return 0
    text = read_cursor(cursor) or ""
    head, _, place = text.partition(":")
    if head != kind or not place.isdigit():
        raise refuse("invalid_cursor", "invalid cursor")
    return int(place)


def next_cursor(kind: str, place: int | None) -> str:
    return "" if place is None else cursor_of(f"{kind}:{place}")


def cutoff(now: int) -> int:
    """Start of the live tier: midnight UTC, 90 days back."""
    return now // DAY * DAY - LIVE_DAYS * DAY


class KalshiQuery:
    """Rows of markets, events and trades for a query at a time."""

    def __init__(self, views: KalshiViews) -> None:
        self._views = views
        self._venue = views.venue
        self._selections = Selections()
        series = [views.names.series(event) for event in self._venue.events]
        self._series_code = {name: code for code, name in enumerate(sorted(set(series)))}
        codes = pl.Series([self._series_code[name] for name in series], dtype=pl.Int32)
        combo = pl.Series([event.combo for event in self._venue.events], dtype=pl.Int32)
        frame = self._venue.frame
        self._frame = frame.with_columns(
            series=codes[frame["event"]],
            combo=combo[frame["event"]],
            paused=self._venue.paused(),
        ).with_row_index("row")

    def markets(self, query: QueryParams, now: int, *, historical: bool = False) -> Ints:
        """Rows of a market listing, newest last."""
        status = query.get("status") or None
        times = self._times(query, status)
        tickers = tuple(list_param(query, "tickers"))
        names = tuple(query.get(n) or None for n in ("event_ticker", "series_ticker", "mve_filter"))
        if historical and sum(map(bool, (tickers, *names))) > 1:
            raise refuse("bad_request", "filters are mutually exclusive")
        key = ("markets", now, historical, status, times, tickers, names)
        return self._selections.get(key, lambda: self._select(now, historical, status, times, tickers, names))

    def _select(
        self,
        now: int,
        historical: bool,
        status: str | None,
        times: tuple[tuple[str, str, int], ...],
        tickers: tuple[str, ...],
        names: tuple[str | None, ...],
    ) -> pl.Series:
        event, series, mve = names
        archived = (pl.col("settled") < cutoff(now)) & (pl.col("settled") <= now)
        keep = (pl.col("created") <= now) & (archived if historical else ~archived)
        if status:
            keep &= self._status(status, now)
        for bound, column, at in times:
            value = self._updated(now) if column == "updated" else pl.col(column)
            keep &= (value > at) if bound == "min" else (value < at)
        if event:
            keep &= pl.col("event") == (-1 if (n := self._views.names.find_event(event)) is None else n)
        if series:
            keep &= pl.col("series") == self._series_code.get(series, -1)
        if mve:
            keep &= (pl.col("combo") >= 0) if mve == "only" else (pl.col("combo") < 0)
        if tickers:
            rows = [row for ticker in tickers if (row := self._views.names.find(ticker)) is not None]
            keep &= pl.col("row").is_in(rows)
        return self._frame.filter(keep)["row"]

    def _status(self, status: str, now: int) -> pl.Expr:
        c = pl.col
        if status in ("open", "paused"):
            trading = (c("opens") <= now) & (c("closes") > now)
            return trading & (c("paused") if status == "paused" else ~c("paused"))
        by_status = {
            "unopened": c("opens") > now,
            "closed": (c("closes") <= now) & (c("settled") > now),
            "settled": c("settled") <= now,
        }
        if status not in by_status:
            raise refuse("bad_request", f"invalid status: {status}")
        return by_status[status]

    @staticmethod
    def _updated(now: int) -> pl.Expr:
        steps = [
            pl.when(pl.col(c) <= now).then(pl.col(c)) for c in ("created", "opens", "closes", "determined", "settled")
        ]
        return pl.max_horizontal(steps)

    @staticmethod
    def _times(query: QueryParams, status: str | None) -> tuple[tuple[str, str, int], ...]:
        bounds = []
        for name in sorted(query.keys()):
            match = _TIME.fullmatch(name)
            value = integer(query, name) if match else None
            if match and value is not None:
                bounds.append((match[1], match[2], value))
        kinds = {kind for _, kind, _ in bounds}
        if len(kinds) > 1:
            raise refuse("bad_request", "timestamp filters are mutually exclusive")
        for kind in kinds:
            if status not in _FITS[kind]:
                raise refuse("bad_request", f"{kind}_ts filters cannot be used with status {status}")
            others = query.get("event_ticker") or query.get("tickers")
            lonely = query.get("series_ticker") and query.get("mve_filter") != "exclude"
            if kind == "updated" and (others or lonely or query.get("mve_filter") == "only"):
                raise refuse("bad_request", "min_updated_ts cannot be used with other filters")
        return tuple((bound, _COLUMN[kind], at) for bound, kind, at in bounds)

    def events(self, query: QueryParams, now: int, *, combos: bool) -> Ints:
        """Numbers of events. An event matches a status if any of its markets has it."""
        status = query.get("status") or None
        series = query.get("series_ticker") or None
        collection = query.get("collection_ticker") or None
        tickers = tuple(list_param(query, "tickers"))
        min_close, min_updated = integer(query, "min_close_ts"), integer(query, "min_updated_ts")
        if series and collection:
            raise refuse("bad_request", "series_ticker and collection_ticker are mutually exclusive")
        key = ("events", now, combos, status, series, collection, tickers, min_close, min_updated)

        def select() -> pl.Series:
            keep = (pl.col("created") <= now) & ((pl.col("combo") >= 0) == combos)
            if status:
                keep &= self._status(status, now)
            if series:
                keep &= pl.col("series") == self._series_code.get(series, -1)
            if collection:
                keep &= pl.col("combo") == _collection(collection)
            if min_close is not None:
                keep &= pl.col("closes") > min_close
            if min_updated is not None:
                keep &= pl.col("created") > min_updated
            if tickers:
                wanted = [n for t in tickers if (n := self._views.names.find_event(t)) is not None]
                keep &= pl.col("event").is_in(wanted)
            return self._frame.filter(keep)["event"].unique().sort()

        return self._selections.get(key, select)

    def trade_page(
        self, query: QueryParams, now_us: int, size: int, *, historical: bool
    ) -> tuple[list[int], int | None]:
        """Numbers of trades, newest first, and where the next page begins."""
        table = self._venue.trades
        edge = table.visible(cutoff(now_us // 1_000_000) * 1_000_000 - 1)
        low, high = (0, edge) if historical else (edge, table.visible(now_us))
        if (at := integer(query, "min_ts")) is not None:
            low = max(low, table.visible(at * 1_000_000 - 1))
        if (at := integer(query, "max_ts")) is not None:
            high = min(high, table.visible(at * 1_000_000))
        if query.get("cursor"):
            high = min(high, page_start(query, "t"))
        rows = self._trades_of(query.get("ticker"), query.get("is_block_trade"), low, max(low, high))
        page = list(rows[max(len(rows) - size, 0) :])[::-1]
        return page, page[-1] if len(rows) > size else None

    def _trades_of(self, ticker: str | None, block: str | None, low: int, high: int) -> range | Ints | list[int]:
        table = self._venue.trades
        rows: range | Ints | list[int] = range(low, high)
        if ticker:
            row = self._views.names.find(ticker)
            rows = [] if row is None else table.of(row, low, high)
        if block == "true" and not ticker:
            return table.blocks[bisect_left(table.blocks, low) : bisect_left(table.blocks, high)]
        if block in ("true", "false"):
            return [n for n in rows if is_block(table.key[n]) == (block == "true")]
        return rows


def _collection(ticker: str) -> int:
    return next((n for n, (_, _, name) in enumerate(COMBO_SERIES) if name == ticker), -2)
