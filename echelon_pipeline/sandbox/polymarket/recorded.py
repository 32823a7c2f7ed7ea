"""Polymarket's endpoints over a recorded universe.

Belongs here: Gamma, CLOB and Data API v1 paths over recorded objects. A request for objects that were not recorded is
answered with 404 ``not_available_in_recording``, never with an empty list.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request

from echelon_pipeline.sandbox.polymarket.clob_routes import PAGE, place_cursor, read_place, window
from echelon_pipeline.sandbox.polymarket.gamma_query import cursor_at, invalid, page_size, start_of
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import ErrorResponse, list_param
from echelon_pipeline.sandbox.universe.recorded import RecordedObject, RecordedUniverse

Obj = dict[str, Any]
Handlers = dict[str, Callable[..., Any]]


def not_recorded(what: str) -> ErrorResponse:
    """The answer for objects that the folder does not have."""
    return ErrorResponse(404, {"error": f"{what} is not in this recording", "code": "not_available_in_recording"})


class RecordedPolymarket:
    """Handlers by path below /gamma, /clob and /data."""

    def __init__(self, universe: RecordedUniverse, clock: SandboxClock) -> None:
        self.universe = universe
        self.clock = clock
        self._events = self._whole_events()

    def gamma(self) -> Handlers:
        """Paths below /gamma."""
        return {
            "/markets/keyset": lambda request: self._keyset(request, "market"),
            "/events/keyset": lambda request: self._keyset(request, "event"),
            "/markets": lambda request: self._offset(request, "market"),
            "/events": lambda request: self._offset(request, "event"),
            "/markets/slug/{slug}": lambda request: self._one(request, "market"),
            "/events/slug/{slug}": lambda request: self._one(request, "event"),
            "/markets/{id}": lambda request: self._one(request, "market"),
            "/events/{id}": lambda request: self._one(request, "event"),
            "/series": lambda request: self._plain(request, "gamma series", 50),
            "/tags": lambda request: self._plain(request, "gamma tag", 100),
            "/series/{id}": lambda request: self._one(request, "series"),
            "/tags/{id}": lambda request: self._one(request, "tag"),
        }

    def clob(self) -> Handlers:
        """Paths below /clob."""
        return {
            "/time": lambda _: self.clock.s,
            "/markets": self.clob_markets,
            "/markets/{condition}": lambda request: self._condition(request, "clob market"),
            "/clob-markets/{condition}": lambda request: self._condition(request, "clob compact"),
            "/book": self.book,
            "/prices-history": self.prices_history,
        }

    def posts(self) -> Handlers:
        """POST paths below /clob."""
        return {"/books": self.books, "/batch-prices-history": self.batch_prices_history}

    def data(self) -> Handlers:
        """Paths below /data."""
        return {"/trades": self.trades}

    def _recorded(self, kind: str) -> dict[str, RecordedObject]:
        """Objects of a kind; raises 404 if none was recorded, instead of an empty list."""
        objects = self._events if kind == "gamma event" else self.universe.objects[kind]
        if not objects:
            raise not_recorded(f"a {kind}")
        return objects

    def _whole_events(self) -> dict[str, RecordedObject]:
        """Events with the markets that name them, as the venue lists them; also events that only markets contain."""
        by_id = dict(self.universe.objects["gamma event"])
        members: dict[str, dict[str, msgspec.Raw]] = {}
        for market in self.universe.objects["gamma market"].values():
            events = market.fields.get("events")
            for raw in _objects(events):
                fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
                if {"id", "title"} <= fields.keys():
                    name = str(msgspec.json.decode(fields["id"]))
                    by_id.setdefault(name, RecordedObject(raw, fields))
                    members.setdefault(name, {})[str(market.get("conditionId"))] = market.raw
        for name, markets in members.items():
            event = by_id[name]
            listed = {str(one.get("conditionId")) for one in event.get("markets") or [] if isinstance(one, dict)}
            more = [raw for condition, raw in markets.items() if condition not in listed]
            if more:
                own = _objects(event.fields.get("markets"))
                raw = msgspec.Raw(msgspec.json.encode(event.without("markets", markets=[*own, *more])))
                by_id[name] = RecordedObject(raw, msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
        return by_id

    # --- Gamma

    def _matching(self, query: QueryParams, kind: str) -> list[msgspec.Raw]:
        recorded = self._recorded(f"gamma {kind}")
        objects = [r for r in recorded.values() if _fits(r, query, kind)]
        for name in reversed([n for n in query.get("order", "").split(",") if n]):
            objects.sort(key=lambda r: _rank(r.get(name)), reverse=query.get("ascending", "true") == "false")
        return [r.raw for r in objects]

    def _keyset(self, request: Request, kind: str) -> Obj:
        query = request.query_params
        if "offset" in query:
            raise invalid("offset is not supported, use after_cursor")
        objects, start, size = self._matching(query, kind), start_of(query), page_size(query)
        body: Obj = {f"{kind}s": objects[start : start + size]}
        return body | ({"next_cursor": cursor_at(start + size)} if size and start + size < len(objects) else {})

    def _offset(self, request: Request, kind: str) -> list[msgspec.Raw]:
        query = request.query_params
        start, size = int(query.get("offset", "0") or 0), page_size(query)
        return self._matching(query, kind)[start : start + size]

    def _plain(self, request: Request, kind: str, maximum: int) -> list[msgspec.Raw]:
        query = request.query_params
        start, size = int(query.get("offset", "0") or 0), page_size(query, maximum=maximum)
        return [r.raw for r in self._recorded(kind).values()][start : start + size]

    def _one(self, request: Request, kind: str) -> msgspec.Raw:
        name, value = next(iter(request.path_params.items()))
        kept = self._events if kind == "event" else self.universe.objects[f"gamma {kind}"]
        for candidate in kept.values():
            if str(candidate.get(name)) == value:
                return candidate.raw
        raise not_recorded(f"this {kind}")

    # --- CLOB

    def clob_markets(self, request: Request) -> Obj:
        markets = [r.raw for r in self._recorded("clob market").values()]
        start = read_place(request.query_params.get("next_cursor"))
        page = markets[start : start + PAGE]
        following = start + PAGE if start + PAGE < len(markets) else None
        return {"limit": PAGE, "count": len(page), "next_cursor": place_cursor(following, "id:"), "data": page}

    def _condition(self, request: Request, kind: str) -> msgspec.Raw:
        market = self.universe.objects[kind].get(request.path_params["condition"])
        if market is None:
            raise not_recorded("this market")
        return market.raw

    def book(self, request: Request) -> msgspec.Raw:
        book = self.universe.objects["clob book"].get(request.query_params.get("token_id", ""))
        if book is None:
            raise not_recorded("a book of this token")
        return book.raw

    def books(self, _: Request, body: object) -> list[msgspec.Raw]:
        tokens = (
            [str(item.get("token_id")) for item in body if isinstance(item, dict)] if isinstance(body, list) else []
        )
        recorded = self.universe.objects["clob book"]
        books = [recorded[token].raw for token in tokens if token in recorded]
        if not books:
            raise not_recorded("a book of these tokens")
        return books

    def prices_history(self, request: Request) -> Obj:
        query = request.query_params
        low, high = window(query, self.clock.s)
        known = self.universe.histories.get(query.get("market", ""), {})
        points = [known[at] for at in sorted(known) if low <= at <= high]
        if not points:
            raise not_recorded("a price of this token and time")
        return {"history": points}

    def batch_prices_history(self, _: Request, body: object) -> Obj:
        """Recorded points of several tokens; tokens without points are left out."""
        query = body if isinstance(body, dict) else {}
        low, high = int(query.get("start_ts") or 0), int(query.get("end_ts") or self.clock.s)
        history = {}
        for token in query.get("markets") or []:
            known = self.universe.histories.get(str(token), {})
            points = [known[at] for at in sorted(known) if low <= at <= high]
            if points:
                history[str(token)] = points
        if not history:
            raise not_recorded("a price of these tokens and this time")
        return {"history": history}

    # --- Data API

    def trades(self, request: Request) -> list[msgspec.Raw]:
        query = request.query_params
        markets, user = list_param(query, "market"), query.get("user")
        trades = [
            t
            for t in self.universe.objects["data trade"].values()
            if (not markets or t.get("conditionId") in markets) and (not user or t.get("proxyWallet") == user)
        ]
        if not trades:
            raise not_recorded("a trade of this market or user")
        trades.sort(key=lambda t: -int(t.get("timestamp")))
        start, size = int(query.get("offset", "0") or 0), int(query.get("limit", "100") or 100)
        return [t.raw for t in trades[start : start + size]]


def _objects(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    """The objects of a list, as recorded; none if there is no list."""
    if raw is None or bytes(memoryview(raw)[:1]) != b"[":
        return []
    return [one for one in msgspec.json.decode(raw, type=list[msgspec.Raw]) if bytes(memoryview(one)[:1]) == b"{"]


def _fits(recording: RecordedObject, query: QueryParams, kind: str) -> bool:
    if (closed := query.get("closed")) in ("true", "false") and bool(recording.get("closed")) != (closed == "true"):
        return False
    for name in ("id", "slug"):
        if name in query and str(recording.get(name)) not in query.getlist(name):
            return False
    if "end_date_min" in query and _time(recording.get("endDate")) < _time(query["end_date_min"]):
        return False
    if kind == "event":
        return True
    if (conditions := list_param(query, "condition_ids")) and recording.get("conditionId") not in conditions:
        return False
    tokens = list_param(query, "clob_token_ids")
    return not tokens or any(token in str(recording.get("clobTokenIds")) for token in tokens)


def _time(text: str | None) -> datetime:
    """A time as datetime; the earliest time if there is none."""
    at = datetime.fromisoformat(text or "0001-01-01")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _rank(value: object) -> tuple[int, float, str]:
    """Sort key: missing values first, then numbers by value, then texts."""
    if value is None:
        return 0, 0.0, ""
    text = str(value)
    return (1, float(text), "") if text.replace(".", "", 1).isdigit() else (1, 0.0, text)
