"""Kalshi's WebSocket v2 over a generated universe: the data frames.

Belongs here: updates of subscribed markets, numbered and in order. ``subscriptions.py`` handles commands. A ticker
channel without markets sends trades only: quotes of the whole exchange would be too many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from echelon_pipeline.sandbox.kalshi.commands import Command
from echelon_pipeline.sandbox.kalshi.frames import KalshiFrames
from echelon_pipeline.sandbox.kalshi.subscriptions import LIFECYCLES, UNNUMBERED, KalshiSubscriptions, Subscription
from echelon_pipeline.sandbox.server.account_frames import kalshi_messages
from echelon_pipeline.sandbox.server.sessions import OutgoingFrame
from echelon_pipeline.sandbox.universe.account import AccountEvent
from echelon_pipeline.sandbox.universe.books import SECOND_US, changes
from echelon_pipeline.sandbox.universe.updates import MarketUpdate, MarketUpdates
from echelon_pipeline.sandbox.universe.world import World

Obj = dict[str, Any]


class KalshiSession(KalshiSubscriptions):
    """``skips_number``: called before every numbered data frame; True skips a number (a fault)."""

    def __init__(self, world: World, us: int, skips_number: Callable[[str], bool] = lambda _: False) -> None:
        super().__init__(us)
        self._world, self._skips_number = world, skips_number
        self._frames = KalshiFrames(world.kalshi)
        self._updates = MarketUpdates(world.kalshi.books)

    def find(self, ticker: str) -> int | None:
        row = self._world.kalshi.names.find(ticker)
        return row if row is not None and self._is_known(row) else None

    def find_id(self, market_id: str) -> int | None:
        rows = range(len(self._world.kalshi.venue))
        return next((i for i in rows if self._frames.market_id(i) == market_id and self._is_known(i)), None)

    def _is_known(self, row: int) -> bool:
        """Whether the market exists at the current time."""
        return self._world.kalshi.venue.columns["created"][row] * SECOND_US <= self.us

    def name(self, row: int) -> str:
        return self._world.kalshi.market_ticker(row)

    def rows(self) -> set[int]:
        return {row for s in self.subs.values() if s.channel in ("orderbook_delta", "ticker") for row in s.rows or ()}

    # --- data

    def _push(
        self, sub: Subscription, kind: str, row: int, msg: Obj, us: int, more: Obj | None = None
    ) -> OutgoingFrame:
        instrument = self._world.instrument("kalshi", row)
        numbered: Obj = {}
        if sub.channel not in UNNUMBERED:
            sub.seq += 2 if self._skips_number(instrument) else 1
            numbered = {"seq": sub.seq}
        return OutgoingFrame((more or {}) | {"type": kind, "sid": sub.sid} | numbered | {"msg": msg}, us, instrument)

    def snapshot(self, sub: Subscription, row: int, more: Obj | None = None) -> OutgoingFrame:
        return self._snapshot(sub, row, self.us, more)

    def first_frames(self, sub: Subscription, rows: Iterable[int], command: Command) -> list[OutgoingFrame]:
        if sub.channel == "orderbook_delta":
            return [self.snapshot(sub, row) for row in rows]
        if sub.channel == "ticker" and command.wants_snapshot:
            return [self._push(sub, "ticker", row, self._frames.ticker(row, self.us), self.us) for row in rows]
        return []

    def _snapshot(self, sub: Subscription, row: int, us: int, more: Obj | None = None) -> OutgoingFrame:
        sub.books[row] = self._world.kalshi.books.at(row, us)
        msg = self._frames.snapshot(row, us, in_yes_prices=sub.in_yes_prices)
        return self._push(sub, "orderbook_snapshot", row, msg, us, more)

    def advance(self, us: int) -> list[OutgoingFrame]:
        after, self.us = self.us, max(us, self.us)
        if us <= after or not self.subs:
            return []
        channels = {s.channel for s in self.subs.values()}
        updates = self._updates.steps(self.rows(), after, us)
        if channels & {"trade", "ticker"}:
            updates += self._updates.trades(None, after, us)
        if channels & LIFECYCLES.keys():
            updates += self._updates.created(after, us) + self._updates.results(None, after, us)
            updates += self._updates.refined(after, us)
        return [frame for update in sorted(updates) for frame in self._frames_for(update)]

    def account_event(self, event: AccountEvent) -> list[OutgoingFrame]:
        """Private messages for subscribers of the private channels: every accepted key belongs to the account."""
        row = event.order.row
        if event.order.venue != "kalshi":
            return []
        messages = kalshi_messages(event, self.name(row), self._world.universe.digests)
        return [
            self._push(sub, kind, row, msg, event.us)
            for channel, kind, msg in messages
            for sub in self.subs.values()
            if sub.channel == channel and sub.covers(row)
        ]

    def _frames_for(self, update: MarketUpdate) -> Iterable[OutgoingFrame]:
        for sub in list(self.subs.values()):
            if sub.channel in LIFECYCLES:
                yield from self._lifecycle(sub, update)
            elif not sub.covers(update.row):
                continue
            elif update.kind == "book" and sub.channel == "orderbook_delta":
                yield from self._book(sub, update)
            elif sub.channel == "ticker" and self._moves_ticker(sub, update):
                msg = self._frames.ticker(update.row, update.us)
                yield self._push(sub, "ticker", update.row, msg, update.us)
            elif update.kind == "trade" and sub.channel == "trade":
                yield self._push(sub, "trade", update.row, self._frames.trade(update.number), update.us)

    def _moves_ticker(self, sub: Subscription, update: MarketUpdate) -> bool:
        if update.kind == "trade":
            return True
        if update.kind != "book" or sub.rows is None:
            return False
        book = self._world.kalshi.books.at(update.row, update.us)
        old, sub.books[update.row] = sub.books.get(update.row), book
        return old is None or (old.bids[:1], old.asks[:1]) != (book.bids[:1], book.asks[:1])

    def _book(self, sub: Subscription, update: MarketUpdate) -> Iterable[OutgoingFrame]:
        row, us = update.row, update.us
        old, new = sub.books[row], self._world.kalshi.books.at(row, us)
        if us == self._world.kalshi.books.closes(row):  # recorded: trading ends with an empty snapshot
            yield self._snapshot(sub, row, us)
            return
        sub.books[row] = new
        for change in changes(old, new):
            msg = self._frames.delta(row, us, change, in_yes_prices=sub.in_yes_prices)
            yield self._push(sub, "orderbook_delta", row, msg, us)

    def _lifecycle(self, sub: Subscription, update: MarketUpdate) -> Iterable[OutgoingFrame]:
        row, us, frames = update.row, update.us, self._frames
        if update.kind in ("book", "trade") or LIFECYCLES[sub.channel] != (row >= self._world.kalshi.venue.ordinary):
            return
        if update.kind == "created":
            if row == self._world.kalshi.venue.event_of(row).first:
                yield self._push(sub, "event_lifecycle", row, frames.event_created(row), us)
            msg = frames.created(row)
        elif update.kind == "determined":
            msg = frames.determined(row, us)
        else:
            msg = frames.settled(row, us) if update.kind == "settled" else frames.refined(row, us)
        yield self._push(sub, sub.channel, row, msg, us)
