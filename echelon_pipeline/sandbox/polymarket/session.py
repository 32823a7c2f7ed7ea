"""Polymarket's WebSocket channels on one connection: market data, and a user's own orders.

Belongs here: answers and data frames, without a socket (reference: Polymarket 5). Assets beyond 500 per connection are
ignored without an error, as observed at the venue. The venue's answer to text that is not JSON is not known; ``INVALID
OPERATION`` is our reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from echelon_pipeline.sandbox.polymarket.frames import BOTH, PolymarketFrames
from echelon_pipeline.sandbox.server.account_frames import polymarket_bodies
from echelon_pipeline.sandbox.server.keys import API_KEY
from echelon_pipeline.sandbox.server.sessions import OutgoingFrame
from echelon_pipeline.sandbox.universe.account import AccountEvent
from echelon_pipeline.sandbox.universe.books import Book, changes
from echelon_pipeline.sandbox.universe.updates import MarketUpdate, MarketUpdates
from echelon_pipeline.sandbox.universe.world import World

Obj = dict[str, Any]
MAX_ASSETS = 500
INVALID = "INVALID OPERATION"


class MarketSession:
    """``_assets``: custom-feature flag by (row, outcome); ``_books``: the books as last sent, by row."""

    def __init__(self, world: World, us: int) -> None:
        self._world, self._us = world, us
        self._frames = PolymarketFrames(world.clob)
        self._updates = MarketUpdates(world.polymarket.books)
        self._assets: dict[tuple[int, int], bool] = {}
        self._books: dict[int, Book] = {}
        self._is_custom = False
        self.unserved = 0  # assets beyond the limit

    def rows(self) -> set[int]:
        return set(self._books)

    # --- commands

    def receive(self, text: str, us: int) -> list[OutgoingFrame]:
        before = self.advance(us)
        if text == "PING":
            return [*before, OutgoingFrame("PONG", us, is_pong=True)]
        try:
            body = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return [*before, OutgoingFrame(INVALID, us)]
        tokens = body.get("assets_ids") if isinstance(body, dict) else None
        operation = body.get("operation", "subscribe") if isinstance(body, dict) else ""
        known = operation in ("subscribe", "unsubscribe") and ("operation" in body or body.get("type") == "market")
        if not known or not isinstance(tokens, list):
            return [*before, OutgoingFrame(INVALID, us)]
        if operation == "unsubscribe":
            self._unsubscribe(tokens)
            return before
        return [*before, *self._subscribe(tokens, body)]

    def _subscribe(self, tokens: list[object], body: Obj) -> list[OutgoingFrame]:
        """One array with a book per asset that has one; a second subscription sets the flag again."""
        is_custom = body.get("custom_feature_enabled") is True
        self._is_custom = self._is_custom or is_custom
        dump, dumped = body.get("initial_dump") is not False, []
        for token in tokens:
            asset = self._find(str(token))
            if asset is None:
                continue
            if asset not in self._assets and len(self._assets) >= MAX_ASSETS:
                self.unserved += 1
                continue
            self._assets[asset] = is_custom
            self._books.setdefault(asset[0], self._world.polymarket.books.at(asset[0], self._us))
            if self._world.polymarket.books.is_open(asset[0], self._us):
                dumped.append(self._book(asset, self._us))
        instrument = self._world.instrument("polymarket", next(iter(self._books))) if dumped else ""
        return [OutgoingFrame(dumped, self._us, instrument)] if dump else []

    def _find(self, token: str) -> tuple[int, int] | None:
        """Row and outcome of a token that has or had a book; combos have none."""
        asset, state = self._world.polymarket.names.find_token(token), self._world.polymarket
        known = asset is not None and state.listed(asset[0], self._us // 1_000_000) and state.has_book(asset[0])
        return asset if known else None

    def _book(self, asset: tuple[int, int], us: int, *, after_trade: bool = False) -> Obj:
        books, row = self._world.polymarket.books, asset[0]
        touched = books.touched(row, us)
        return self._frames.book(row, asset[1], books.at(row, us), us, touched, after_trade=after_trade)

    def _unsubscribe(self, tokens: list[object]) -> None:
        for token in tokens:
            asset = self._world.polymarket.names.find_token(str(token))
            if asset is not None and self._assets.pop(asset, None) is not None and not self._of(asset[0]):
                del self._books[asset[0]]

    def _of(self, row: int) -> list[int]:
        """The subscribed outcomes of a row."""
        return [outcome for outcome in BOTH if (row, outcome) in self._assets]

    def _custom(self, row: int) -> list[int]:
        return [outcome for outcome in BOTH if self._assets.get((row, outcome))]

    # --- data

    def advance(self, us: int) -> list[OutgoingFrame]:
        after, self._us = self._us, max(us, self._us)
        if us <= after or not self._assets:
            return []
        updates = self._updates.steps(self._books, after, us) + self._updates.trades(self._books, after, us)
        updates += self._updates.results(self._books, after, us)
        if self._is_custom:
            updates += self._updates.created(after, us)
        return [
            OutgoingFrame(body, update.us, self._world.instrument("polymarket", update.row))
            for update in sorted(updates)
            for body in self._frames_for(update)
        ]

    def _frames_for(self, update: MarketUpdate) -> Iterable[Obj | list[Obj]]:
        row, us = update.row, update.us
        if update.kind == "created":
            if self._world.polymarket.listed(row, us // 1_000_000):
                yield self._frames.new_market(row, us)
        elif update.kind == "settled":
            if self._custom(row):
                yield self._frames.resolved(row, us)
        elif update.kind == "trade":
            yield from self._trade(update)
        elif update.kind == "book":
            yield from self._change(row, us)

    def _change(self, row: int, us: int) -> Iterable[Obj]:
        old, new = self._books[row], self._world.polymarket.books.at(row, us)
        self._books[row] = new
        if old.tick != new.tick:
            for outcome in self._of(row):
                yield self._frames.tick(row, outcome, old.tick, new.tick, us)
        yield from self._frames.price_changes(row, old, changes(old, new), new.tick, us)
        if old.best != new.best:
            for outcome in self._custom(row):
                yield self._frames.best(row, outcome, new, us)

    def _trade(self, update: MarketUpdate) -> Iterable[Obj | list[Obj]]:
        """The trade and the books after it, in varying order; some books are sent as an array."""
        row, us = update.row, update.us
        yield from self._change(row, us)
        outcome, trade = self._frames.trade(update.number)
        messages = [trade] if outcome in self._of(row) else []
        books = [self._book((row, n), us, after_trade=True) for n in self._of(row)]
        order = self._world.polymarket.venue.trades.key[update.number] // 2**14 % 4
        if order == 0:
            yield from (*books, *messages)
        elif order == 1:
            yield from messages
            yield books
        else:
            yield from (*messages, *books)


class UserSession:
    """The user channel of the sandbox's own account; other credentials are refused. ``_markets``: subscribed
    conditions; None: all."""

    def __init__(self, world: World | None = None) -> None:
        self._world = world
        self._markets: set[str] | None = None
        self.is_refused = self.is_open = False

    def rows(self) -> set[int]:
        return set()

    def advance(self, us: int) -> list[OutgoingFrame]:  # noqa: ARG002 - only account events are sent
        return []

    def account_event(self, event: AccountEvent) -> list[OutgoingFrame]:
        if self._world is None or not self.is_open or event.order.venue != "polymarket":
            return []
        names, instrument = self._world.polymarket.names, self._world.instrument("polymarket", event.order.row)
        if self._markets is not None and names.condition(event.order.row) not in self._markets:
            return []
        bodies = polymarket_bodies(event, names, self._world.universe.digests, API_KEY["apiKey"])
        return [OutgoingFrame(body, event.us, instrument) for body in bodies]

    def receive(self, text: str, us: int) -> list[OutgoingFrame]:
        if text == "PING":
            return [OutgoingFrame("PONG", us, is_pong=True)]
        try:
            body = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return [OutgoingFrame(INVALID, us)]
        if not isinstance(body, dict):
            return []
        markets = body.get("markets")
        named = {str(one) for one in markets} if isinstance(markets, list) else set()
        if body.get("type") == "user":
            self.is_open = body.get("auth") == API_KEY
            self.is_refused = not self.is_open
            self._markets = named or None
        elif body.get("operation") == "subscribe":
            self._markets = (self._markets or set()) | named
        elif body.get("operation") == "unsubscribe":
            self._markets = (self._markets or set()) - named
        return []
