"""Kalshi's WebSocket v2 over a generated universe: the frames that are pushed.

Belongs here: what happens to subscribed markets, numbered and in order. Commands are the desk's. A ticker channel
without markets follows trades only: every quote of the exchange would be a flood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from echelon_pipeline.sandbox.kalshi.commands import Asked
from echelon_pipeline.sandbox.kalshi.frames import KalshiFrames
from echelon_pipeline.sandbox.kalshi.subscriptions import LIFECYCLES, UNNUMBERED, KalshiDesk, Subscription
from echelon_pipeline.sandbox.server.account_frames import kalshi_messages
from echelon_pipeline.sandbox.server.sessions import Frame
from echelon_pipeline.sandbox.universe.account import Deed
from echelon_pipeline.sandbox.universe.books import SECOND_US, changes
from echelon_pipeline.sandbox.universe.updates import Moment, Moments
from echelon_pipeline.sandbox.universe.world import World

Obj = dict[str, Any]


class KalshiSession(KalshiDesk):
    """``skips``: asked before every numbered data frame whether a number is left out (a fault)."""

    def __init__(self, world: World, us: int, skips: Callable[[str], bool] = lambda _: False) -> None:
        super().__init__(us)
        self._world, self._skips = world, skips
        self._frames = KalshiFrames(world.kalshi)
        self._moments = Moments(world.kalshi.books)

    def find(self, ticker: str) -> int | None:
        row = self._world.kalshi.names.find(ticker)
        return row if row is not None and self._is_known(row) else None

    def find_id(self, market_id: str) -> int | None:
        rows = range(len(self._world.kalshi.venue))
        return next((i for i in rows if self._frames.market_id(i) == market_id and self._is_known(i)), None)

    def _is_known(self, row: int) -> bool:
        """Nobody knows a market before it was made."""
        return self._world.kalshi.venue.columns["created"][row] * SECOND_US <= self.us

    def name(self, row: int) -> str:
        return self._world.kalshi.market_ticker(row)

    def rows(self) -> set[int]:
        return {row for s in self.subs.values() if s.channel in ("orderbook_delta", "ticker") for row in s.rows or ()}

    # --- data

    def _push(self, sub: Subscription, kind: str, row: int, msg: Obj, us: int, more: Obj | None = None) -> Frame:
        instrument = self._world.instrument("kalshi", row)
        numbered: Obj = {}
        if sub.channel not in UNNUMBERED:
            sub.seq += 2 if self._skips(instrument) else 1
            numbered = {"seq": sub.seq}
        return Frame((more or {}) | {"type": kind, "sid": sub.sid} | numbered | {"msg": msg}, us, instrument)

    def snapshot(self, sub: Subscription, row: int, more: Obj | None = None) -> Frame:
        return self._snapshot(sub, row, self.us, more)

    def first_frames(self, sub: Subscription, rows: Iterable[int], asked: Asked) -> list[Frame]:
        if sub.channel == "orderbook_delta":
            return [self.snapshot(sub, row) for row in rows]
        if sub.channel == "ticker" and asked.wants_snapshot:
            return [self._push(sub, "ticker", row, self._frames.ticker(row, self.us), self.us) for row in rows]
        return []

    def _snapshot(self, sub: Subscription, row: int, us: int, more: Obj | None = None) -> Frame:
        sub.books[row] = self._world.kalshi.books.at(row, us)
        msg = self._frames.snapshot(row, us, in_yes_prices=sub.in_yes_prices)
        return self._push(sub, "orderbook_snapshot", row, msg, us, more)

    def advance(self, us: int) -> list[Frame]:
        after, self.us = self.us, max(us, self.us)
        if us <= after or not self.subs:
            return []
        channels = {s.channel for s in self.subs.values()}
        found = self._moments.steps(self.rows(), after, us)
        if channels & {"trade", "ticker"}:
            found += self._moments.trades(None, after, us)
        if channels & LIFECYCLES.keys():
            found += self._moments.created(after, us) + self._moments.results(None, after, us)
            found += self._moments.refined(after, us)
        return [frame for moment in sorted(found) for frame in self._told(moment)]

    def tell(self, deed: Deed) -> list[Frame]:
        """The account's own, to whoever asked for its channels: every key that is let in is the account's."""
        row = deed.order.row
        if deed.order.venue != "kalshi":
            return []
        told = kalshi_messages(deed, self.name(row), self._world.universe.digests)
        return [
            self._push(sub, kind, row, msg, deed.us)
            for channel, kind, msg in told
            for sub in self.subs.values()
            if sub.channel == channel and sub.covers(row)
        ]

    def _told(self, moment: Moment) -> Iterable[Frame]:
        for sub in list(self.subs.values()):
            if sub.channel in LIFECYCLES:
                yield from self._lifecycle(sub, moment)
            elif not sub.covers(moment.row):
                continue
            elif moment.kind == "book" and sub.channel == "orderbook_delta":
                yield from self._book(sub, moment)
            elif sub.channel == "ticker" and self._moves_ticker(sub, moment):
                msg = self._frames.ticker(moment.row, moment.us)
                yield self._push(sub, "ticker", moment.row, msg, moment.us)
            elif moment.kind == "trade" and sub.channel == "trade":
                yield self._push(sub, "trade", moment.row, self._frames.trade(moment.number), moment.us)

    def _moves_ticker(self, sub: Subscription, moment: Moment) -> bool:
        if moment.kind == "trade":
            return True
        if moment.kind != "book" or sub.rows is None:
            return False
        book = self._world.kalshi.books.at(moment.row, moment.us)
        old, sub.books[moment.row] = sub.books.get(moment.row), book
        return old is None or (old.bids[:1], old.asks[:1]) != (book.bids[:1], book.asks[:1])

    def _book(self, sub: Subscription, moment: Moment) -> Iterable[Frame]:
        row, us = moment.row, moment.us
        old, new = sub.books[row], self._world.kalshi.books.at(row, us)
        if us == self._world.kalshi.books.closes(row):  # recorded: trading ends with an empty snapshot
            yield self._snapshot(sub, row, us)
            return
        sub.books[row] = new
        for change in changes(old, new):
            msg = self._frames.delta(row, us, change, in_yes_prices=sub.in_yes_prices)
            yield self._push(sub, "orderbook_delta", row, msg, us)

    def _lifecycle(self, sub: Subscription, moment: Moment) -> Iterable[Frame]:
        row, us, frames = moment.row, moment.us, self._frames
        if moment.kind in ("book", "trade") or LIFECYCLES[sub.channel] != (row >= self._world.kalshi.venue.ordinary):
            return
        if moment.kind == "created":
            if row == self._world.kalshi.venue.event_of(row).first:
                yield self._push(sub, "event_lifecycle", row, frames.event_created(row), us)
            msg = frames.created(row)
        elif moment.kind == "determined":
            msg = frames.determined(row, us)
        else:
            msg = frames.settled(row, us) if moment.kind == "settled" else frames.refined(row, us)
        yield self._push(sub, sub.channel, row, msg, us)
