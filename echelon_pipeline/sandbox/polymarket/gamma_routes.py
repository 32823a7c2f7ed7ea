"""Gamma endpoints over a generated universe.

Belongs here: paths, paging and envelopes of Polymarket's metadata API (reference: Polymarket 1).
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.polymarket.gamma_query import GammaQuery, cursor_at, invalid, page_size, start_of
from echelon_pipeline.sandbox.polymarket.gamma_views import TAGS, GammaViews, tag_object
from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.universe.catalog import SERIES
from echelon_pipeline.sandbox.universe.names import EVENT_ID, MARKET_ID, SERIES_ID, slug
from echelon_pipeline.sandbox.universe.universe import Event

Obj = dict[str, Any]
DEEPEST = 2000
SUNSET = {
    "deprecation": "true",
    "sunset": "Fri, 01 May 2026 00:00:00 GMT",
    "warning": '299 - "use /markets/keyset"',
}


class Gamma:
    """Handlers by path below /gamma; each takes a request and returns the body."""

    def __init__(self, state: PolymarketState, clock: SandboxClock) -> None:
        self.state = state
        self.views = GammaViews(state)
        self.query = GammaQuery(self.views)
        self.clock = clock

    def routes(self) -> dict[str, Any]:
        """Handlers by path, in the order of matching."""
        return {
            "/status": lambda _: "OK",
            "/markets": self.markets,
            "/markets/keyset": self.markets_keyset,
            "/markets/slug/{slug}": self.market_by_slug,
            "/markets/{id}": self.market,
            "/markets/{id}/tags": self.market_tags,
            "/events": self.events,
            "/events/keyset": self.events_keyset,
            "/events/pagination": self.events_pagination,
            "/events/slug/{slug}": self.event_by_slug,
            "/events/{id}": self.event,
            "/events/{id}/tags": self.event_tags,
            "/series": self.series_list,
            "/series/{id}": self.series,
            "/tags": self.tags,
            "/tags/slug/{slug}": self.tag,
            "/tags/{id}": self.tag,
            "/sports": self.sports,
        }

    # --- markets

    def _markets(self, rows: list[int], now: int) -> list[Obj]:
        seen = self.views.seen(now)
        return [self.views.market(i, now, seen) for i in rows]

    def markets_keyset(self, request: Request) -> Obj:
        query, now = request.query_params, self.clock.s
        self._no_offset(query)
        rows, start, size = self.query.markets(query, now), start_of(query), page_size(query)
        body: Obj = {"markets": self._markets(rows[start : start + size].tolist(), now)}
        return body | ({"next_cursor": cursor_at(start + size)} if size and start + size < len(rows) else {})

    def events_keyset(self, request: Request) -> Obj:
        query, now = request.query_params, self.clock.s
        self._no_offset(query)
        rows, start, size = self.query.events(query, now), start_of(query), page_size(query)
        body: Obj = {"events": self._events(rows[start : start + size].tolist(), now, query)}
        return body | ({"next_cursor": cursor_at(start + size)} if size and start + size < len(rows) else {})

    @staticmethod
    def _no_offset(query: QueryParams) -> None:
        if "offset" in query:
            raise invalid("offset is not supported, use after_cursor")

    @staticmethod
    def _offset(query: QueryParams, kind: str) -> int:
        text = query.get("offset", "0")
        if not text.isdigit():
            raise invalid("offset must be a non-negative integer")
        if int(text) > DEEPEST:
            raise invalid(f"offset too large, use /{kind}/keyset for deeper pagination")
        return int(text)

    def markets(self, request: Request) -> list[Obj]:
        query, now = request.query_params, self.clock.s
        start, size = self._offset(query, "markets"), page_size(query)
        return self._markets(self.query.markets(query, now)[start : start + size].tolist(), now)

    def _row(self, i: int | None) -> int:
        if i is None or not 0 <= i < len(self.state.venue) or not self.state.listed(i, self.clock.s):
            raise invalid("id not found", 404)
        return i

    def market(self, request: Request) -> Obj:
        text = request.path_params["id"]
        row = self._row(int(text) - MARKET_ID if text.isdigit() else None)
        return self._markets([row], self.clock.s)[0]

    def market_by_slug(self, request: Request) -> Obj:
        row = self._row(self.state.names.find_slug(request.path_params["slug"]))
        return self._markets([row], self.clock.s)[0]

    def market_tags(self, request: Request) -> list[Obj]:
        text = request.path_params["id"]
        row = self._row(int(text) - MARKET_ID if text.isdigit() else None)
        return [tag_object(tag) for tag in self.state.venue.event_of(row).topic.family.poly_tags]

    # --- events

    def _events(self, numbers: list[int], now: int, query: QueryParams) -> list[Obj]:
        seen, full = self.views.seen(now), query.get("include_markets") != "false"
        return [self.views.event(n, now, seen, with_markets=full) for n in numbers]

    def events(self, request: Request) -> list[Obj]:
        query, now = request.query_params, self.clock.s
        start, size = self._offset(query, "events"), page_size(query)
        return self._events(self.query.events(query, now)[start : start + size].tolist(), now, query)

    def events_pagination(self, request: Request) -> Obj:
        query, now = request.query_params, self.clock.s
        start, size = self._offset(query, "events"), page_size(query)
        rows = self.query.events(query, now)
        events = self._events(rows[start : start + size].tolist(), now, query)
        return {"data": events, "pagination": {"hasMore": start + size < len(rows), "totalResults": len(rows)}}

    def _number(self, n: int | None) -> tuple[int, Event]:
        events = self.state.venue.events
        if n is None or not 0 <= n < len(events) or events[n].legs or events[n].created > self.clock.s:
            raise invalid("id not found", 404)
        return n, events[n]

    def event(self, request: Request) -> Obj:
        text = request.path_params["id"]
        n, _ = self._number(int(text) - EVENT_ID if text.isdigit() else None)
        return self._events([n], self.clock.s, request.query_params)[0]

    def event_by_slug(self, request: Request) -> Obj:
        n, _ = self._number(self.state.names.find_event_slug(request.path_params["slug"]))
        return self._events([n], self.clock.s, request.query_params)[0]

    def event_tags(self, request: Request) -> list[Obj]:
        text = request.path_params["id"]
        _, event = self._number(int(text) - EVENT_ID if text.isdigit() else None)
        return [tag_object(tag) for tag in event.topic.family.poly_tags]

    # --- series, tags, sports

    def series_list(self, request: Request) -> list[Obj]:
        query = request.query_params
        start, size = int(query.get("offset", "0") or 0), page_size(query, maximum=50)
        objects = [self.views.series(n) | {"events": []} for n in range(len(SERIES))]
        if slugs := query.getlist("slug"):
            objects = [s for s in objects if s["slug"] in slugs]
        return objects[start : start + size]

    def series(self, request: Request) -> Obj:
        text = request.path_params["id"]
        n = int(text) - SERIES_ID if text.isdigit() else -1
        if not 0 <= n < len(SERIES):
            raise invalid("id not found", 404)
        return self.views.series(n) | {"events": []}

    def tags(self, request: Request) -> list[Obj]:
        query = request.query_params
        start, size = int(query.get("offset", "0") or 0), page_size(query)
        return [tag_object(tag) for tag in TAGS[start : start + size]]

    def tag(self, request: Request) -> Obj:
        wanted = request.path_params
        for tag in TAGS:
            body = tag_object(tag)
            if body["id"] == wanted.get("id") or slug(tag) == wanted.get("slug"):
                return body
        raise invalid("tag not found", 404)

    def sports(self, _: Request) -> list[Obj]:
        games = [s for s in enumerate(SERIES) if s[1][0].name == "game"]
        return [
            {
                "id": number + 1,
                "sport": ticker[2:5].lower(),
                "name": about,
                "image": "",
                "resolution": "https://example.com",
                "ordering": "home",
                "tags": "1,2",
                "series": str(SERIES_ID + n),
                "createdAt": "2025-11-05T19:27:45.399303Z",
                "updatedAt": "2025-11-05T19:27:45.399303Z",
            }
            for number, (n, (_, ticker, about)) in enumerate(games)
        ]
