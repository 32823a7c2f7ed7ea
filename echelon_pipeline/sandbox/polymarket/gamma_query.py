"""Gamma's filters and sort orders.

Belongs here: the markets and events of a query, and their order (reference: Polymarket 1.1 to 1.3). Unknown parameters
are ignored, as by Gamma: a wrong cursor name returns page 1 again.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import polars as pl
from starlette.datastructures import QueryParams

from echelon_pipeline.sandbox.polymarket.gamma_views import TAG_ID, GammaViews
from echelon_pipeline.sandbox.server.wire import ErrorResponse, cursor_of, list_param, read_cursor
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.columns import Ints
from echelon_pipeline.sandbox.universe.names import EVENT_ID, MARKET_ID, SERIES_ID, slug
from echelon_pipeline.sandbox.universe.selections import Selections

PAGE = 100
_ORDERS = {
    "id": "row",
    "createdAt": "created",
    "startDate": "opens",
    "endDate": "closes",
    "closedTime": "settled",
    "updatedAt": "created",
    "volume": "cash",
    "volumeNum": "cash",
    "volume24hr": "cash_day",
    "volume24hrClob": "cash_day",
    "liquidity": "row",
    "liquidityNum": "row",
}
_RANGES = {"start_date": "opens", "end_date": "closes", "volume_num": "cash", "volume": "cash"}


def invalid(message: str, status: int = 422) -> ErrorResponse:
    """Gamma's error body."""
    return ErrorResponse(status, {"type": "validation error" if status == 422 else "not found error", "error": message})


def page_size(query: QueryParams, default: int = 20, maximum: int = PAGE) -> int:
    """Page size; a larger one is clamped, a text that is not a number is an error."""
    text = query.get("limit")
    if text is None:
        return default
    if not text.isdigit():
        raise invalid("limit must be a non-negative integer")
    return min(int(text), maximum)


def start_of(query: QueryParams) -> int:
    """The position in ``after_cursor``; a malformed cursor restarts."""
    text = read_cursor(query.get("after_cursor") or "") or ""
    return int(text[2:]) if re.fullmatch(r"g:\d+", text) else 0


def cursor_at(place: int) -> str:
    return cursor_of(f"g:{place}")


def update(text: str) -> int:
    """RFC 3339 or a date, as Unix seconds."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"invalid date: {text}") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


class GammaQuery:
    """Row numbers of markets and events by query."""

    def __init__(self, views: GammaViews) -> None:
        self._views = views
        self._venue = views.venue
        self._kept = Selections()
        events = self._venue.events
        series = pl.Series([e.topic.series for e in events], dtype=pl.Int32)
        frame = self._venue.frame.head(self._venue.ordinary)
        self._frame = frame.with_columns(series=series[frame["event"]]).with_row_index("row")

    def _with_cash(self, now: int) -> pl.DataFrame:
        """The frame with traded dollars, total and of the last day."""
        table = self._venue.trades
        seen, day = table.visible(now * 10**6), table.visible((now - DAY) * 10**6)
        cash = (pl.col("size") * pl.col("price") // 10_000).sum()
        total = table.frame.head(seen).group_by("inst").agg(cash=cash)
        recent = table.frame.slice(day, seen - day).group_by("inst").agg(cash_day=cash)
        return (
            self._frame.with_columns(pl.col("row").cast(pl.Int32))
            .join(total, left_on="row", right_on="inst", how="left", maintain_order="left")
            .join(recent, left_on="row", right_on="inst", how="left", maintain_order="left")
            .with_columns(pl.col("cash", "cash_day").fill_null(0))
        )

    def markets(self, query: QueryParams, now: int) -> Ints:
        """Rows of markets. Without ``closed``: every market; ``active`` and ``archived`` are ignored."""
        return self._rows(query, now, "markets")

    def events(self, query: QueryParams, now: int) -> Ints:
        """Numbers of events that have a matching market."""
        return self._rows(query, now, "events")

    def _rows(self, query: QueryParams, now: int, kind: str) -> Ints:
        shown = sorted((k, v) for k, v in query.multi_items() if k not in ("limit", "offset", "after_cursor"))
        return self._kept.get((kind, now, tuple(shown)), lambda: self._select(query, now, kind))

    def _select(self, query: QueryParams, now: int, kind: str) -> pl.Series:
        orders = [name for name in query.get("order", "").split(",") if name]
        if any(name not in _ORDERS for name in orders):
            raise invalid("order fields are not valid")
        columns = [_ORDERS[name] for name in orders]
        needs_cash = {"cash", "cash_day"} & set(columns) or any(k.startswith("volume") for k in query)
        frame = self._with_cash(now) if needs_cash else self._frame
        selected = frame.filter(self._filter(query, now, kind))
        descending = query.get("ascending", "true") == "false"
        if kind == "events":
            sums = [pl.col(c).sum() if c.startswith("cash") else pl.col(c).min() for c in dict.fromkeys(columns)]
            selected = selected.group_by("event", maintain_order=True).agg(*sums)
        name = "row" if kind == "markets" else "event"
        return selected.sort([*columns, name], descending=[descending] * len(columns) + [False])[name]

    def _filter(self, query: QueryParams, now: int, kind: str) -> pl.Expr:
        keep = pl.col("created") <= now
        closed = query.get("closed")
        if closed in ("true", "false"):
            keep &= (pl.col("settled") <= now) if closed == "true" else (pl.col("settled") > now)
        elif kind == "markets" and list_param(query, "slug"):
            keep &= pl.col("settled") > now  # a closed market is not found by slug unless closed=true is added
        for name, column in _RANGES.items():
            keep = self._between(keep, query, name, column)
        return keep & self._named(query, kind) & self._grouped(query, kind)

    @staticmethod
    def _between(keep: pl.Expr, query: QueryParams, name: str, column: str) -> pl.Expr:
        for end in ("min", "max"):
            text = query.get(f"{name}_{end}")
            if text is None:
                continue
            bound = int(float(text) * 1_000_000) if column == "cash" else update(text)
            keep &= (pl.col(column) >= bound) if end == "min" else (pl.col(column) <= bound)
        return keep

    def _named(self, query: QueryParams, kind: str) -> pl.Expr:
        """Filters that name single markets or events."""
        names = self._views.names
        keep = pl.lit(value=True)
        ids = [int(x) for x in query.getlist("id") if x.isdigit()]
        if kind == "markets":
            rows: dict[str, list[int | None]] = {
                "id": [x - MARKET_ID for x in ids],
                "slug": [names.find_slug(s) for s in query.getlist("slug")],
                "condition_ids": [names.find_condition(c) for c in list_param(query, "condition_ids")],
                "clob_token_ids": [_row(names.find_token(t)) for t in list_param(query, "clob_token_ids")],
                "position_ids": [_row(names.find_token(t)) for t in list_param(query, "position_ids")],
            }
            if len(rows["condition_ids"]) > PAGE:
                raise invalid("too many condition_ids")
            column = "row"
        else:
            rows = {
                "id": [x - EVENT_ID for x in ids],
                "slug": [names.find_event_slug(s) for s in query.getlist("slug")],
            }
            column = "event"
        for name, numbers in rows.items():
            if name in query:
                keep &= pl.col(column).is_in([n for n in numbers if n is not None])
        return keep

    def _grouped(self, query: QueryParams, kind: str) -> pl.Expr:
        """Filters by tag and series."""
        keep = pl.lit(value=True)
        wanted = set(list_param(query, "tag_id"))
        slugs = set(list_param(query, "tag_slug")) if kind == "events" else set()
        if wanted or slugs:
            keep &= pl.col("series").is_in(_series_with(wanted, slugs))
        if unwanted := set(list_param(query, "exclude_tag_id")):
            keep &= ~pl.col("series").is_in(_series_with(unwanted, set()))
        if series := [int(x) - SERIES_ID for x in list_param(query, "series_id") if x.isdigit()]:
            keep &= pl.col("series").is_in(series)
        return keep


def _series_with(ids: set[str], slugs: set[str]) -> list[int]:
    from echelon_pipeline.sandbox.universe.catalog import SERIES

    return [
        n
        for n, (family, _, _) in enumerate(SERIES)
        if any(TAG_ID[tag] in ids or slug(tag) in slugs for tag in family.poly_tags)
    ]


def _row(where: tuple[int, int] | None) -> int | None:
    return None if where is None else where[0]
