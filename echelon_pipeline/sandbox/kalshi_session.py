"""Kalshi's WebSocket v2 on one connection: commands, subscriptions, numbered frames.

Belongs here: what is answered and what is pushed, without a socket (reference: Kalshi 7). A recorded stream shows
that subscribing again to a channel adds markets to it, acknowledged by a numbered ``ok``. Channels of which nothing
ever happens here (orders, fills, positions, indices) are acknowledged and stay silent. A ticker channel without
markets follows trades only: every quote of the exchange would be a flood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from echelon_pipeline.sandbox.books import Book, changes
from echelon_pipeline.sandbox.frames import Frame
from echelon_pipeline.sandbox.kalshi_commands import Asked, CommandError, read
from echelon_pipeline.sandbox.kalshi_frames import KalshiFrames
from echelon_pipeline.sandbox.moments import Moment, Moments
from echelon_pipeline.sandbox.world import World

Obj = dict[str, Any]
LIFECYCLES = {"market_lifecycle_v2": False, "multivariate_market_lifecycle": True}  # channel → of combos
UNNUMBERED = {"ticker", "fill", "market_positions", "user_orders"}


@dataclass
class Subscription:
    """``rows``: its markets, None is all. ``books``: what the client was told last, for ``orderbook_delta``."""

    sid: int
    channel: str
    rows: dict[int, None] | None
    in_yes_prices: bool = False
    is_terse: bool = False
    seq: int = 0
    books: dict[int, Book] = field(default_factory=dict)

    def covers(self, row: int) -> bool:
        return self.rows is None or row in self.rows


class KalshiSession:
    """``skips``: asked before every numbered data frame whether a number is left out (a fault)."""

    def __init__(self, world: World, us: int, skips: Callable[[str], bool] = lambda _: False) -> None:
        self._world, self._skips, self._us = world, skips, us
        self._frames = KalshiFrames(world.kalshi)
        self._moments = Moments(world.kalshi.books)
        self._subs: dict[int, Subscription] = {}
        self._sids = 0

    def rows(self) -> set[int]:
        return {row for s in self._subs.values() if s.channel in ("orderbook_delta", "ticker") for row in s.rows or ()}

    # --- commands

    def receive(self, text: str, us: int) -> list[Frame]:
        before = self.advance(us)
        try:
            asked = read(text, self._world.kalshi.names.find, self._find_id)
            answers = getattr(self, f"_{asked.cmd}")(asked)
        except CommandError as error:
            return [*before, Frame(error.body, us)]
        return [*before, *answers]

    def _find_id(self, market_id: str) -> int | None:
        rows = range(len(self._world.kalshi.venue))
        return next((i for i in rows if self._frames.market_id(i) == market_id), None)

    def _subscribe(self, asked: Asked) -> list[Frame]:
        found = [Frame(error, self._us) for error in asked.not_found]
        if asked.not_found and not asked.rows:
            return found
        for channel in asked.channels:
            taken = next((s for s in self._subs.values() if s.channel == channel), None)
            if taken is not None:
                found += self._add(taken, asked)
                continue
            self._sids += 1
            rows = None if asked.names_no_market or channel in LIFECYCLES else dict.fromkeys(asked.rows)
            sub = Subscription(self._sids, channel, rows, asked.in_yes_prices, asked.is_terse)
            self._subs[sub.sid] = sub
            body = {"type": "subscribed", "msg": {"channel": channel, "sid": sub.sid}}
            found.append(Frame(asked.id_part | body, self._us))
            found += self._first_frames(sub, sub.rows or (), asked)
        return found

    def _add(self, sub: Subscription, asked: Asked) -> list[Frame]:
        """Markets that a subscription lacks: first the ``ok``, then their snapshots."""
        fresh = [row for row in asked.rows if not sub.covers(row)]
        if not fresh or sub.rows is None:
            return [Frame(asked.error(6).body, self._us)]
        sub.rows.update(dict.fromkeys(fresh))
        return [self._ok(sub, asked), *self._first_frames(sub, fresh, asked)]

    def _first_frames(self, sub: Subscription, rows: Iterable[int], asked: Asked) -> list[Frame]:
        if sub.channel == "orderbook_delta":
            return [self._snapshot(sub, row, self._us) for row in rows]
        if sub.channel == "ticker" and asked.wants_snapshot:
            return [self._push(sub, "ticker", row, self._frames.ticker(row, self._us), self._us) for row in rows]
        return []

    def _ok(self, sub: Subscription, asked: Asked) -> Frame:
        sub.seq += 1
        body: Obj = asked.id_part | {"type": "ok", "sid": sub.sid, "seq": sub.seq}
        if not sub.is_terse:
            body["msg"] = {"market_tickers": sorted(self._world.kalshi.market_ticker(row) for row in sub.rows or ())}
        return Frame(body, self._us)

    def _unsubscribe(self, asked: Asked) -> list[Frame]:
        found = []
        for sid in asked.sids:
            sub = self._subs.pop(sid, None)
            if sub is None:
                found.append(Frame(asked.error(7).body, self._us))
                continue
            body = asked.id_part | {"type": "unsubscribed", "sid": sid, "seq": sub.seq + 1}
            found.append(Frame(body, self._us))
        return found

    def _list_subscriptions(self, asked: Asked) -> list[Frame]:
        subs = [{"channel": s.channel, "sid": s.sid} for s in self._subs.values()]
        return [Frame({"id": 0} | asked.id_part | {"type": "ok", "msg": subs}, self._us)]

    def _update_subscription(self, asked: Asked) -> list[Frame]:
        sub = self._subs.get(asked.sids[0])
        if sub is None:
            raise asked.error(7)
        found = [Frame(error, self._us) for error in asked.not_found]
        if asked.action == "add_markets":
            return [*found, *self._add(sub, asked)]
        if asked.action == "delete_markets" and sub.rows is not None:
            for row in asked.rows:
                sub.rows.pop(row, None)
                sub.books.pop(row, None)
            return [*found, self._ok(sub, asked)]
        if asked.action == "get_snapshot" and sub.channel == "orderbook_delta":
            known = [row for row in asked.rows if sub.covers(row)]
            return [*found, *(self._snapshot(sub, row, self._us, asked.id_part) for row in known)]
        raise asked.error(13)

    def overflow(self) -> list[Frame]:
        """Gives every subscription up that has frames waiting: the error is terminal."""
        found = []
        for sub in [s for s in self._subs.values() if s.rows is None or s.rows]:
            del self._subs[sub.sid]
            found.append(Frame(CommandError(25, {}, sid=sub.sid).body, self._us))
        return found

    # --- data

    def _push(self, sub: Subscription, kind: str, row: int, msg: Obj, us: int, more: Obj | None = None) -> Frame:
        instrument = self._world.instrument("kalshi", row)
        numbered: Obj = {}
        if sub.channel not in UNNUMBERED:
            sub.seq += 2 if self._skips(instrument) else 1
            numbered = {"seq": sub.seq}
        return Frame((more or {}) | {"type": kind, "sid": sub.sid} | numbered | {"msg": msg}, us, instrument)

    def _snapshot(self, sub: Subscription, row: int, us: int, more: Obj | None = None) -> Frame:
        sub.books[row] = self._world.kalshi.books.at(row, us)
        msg = self._frames.snapshot(row, us, in_yes_prices=sub.in_yes_prices)
        return self._push(sub, "orderbook_snapshot", row, msg, us, more)

    def advance(self, us: int) -> list[Frame]:
        after, self._us = self._us, max(us, self._us)
        if us <= after or not self._subs:
            return []
        channels = {s.channel for s in self._subs.values()}
        found = self._moments.steps(self.rows(), after, us)
        if channels & {"trade", "ticker"}:
            found += self._moments.trades(None, after, us)
        if channels & LIFECYCLES.keys():
            found += self._moments.created(after, us) + self._moments.results(None, after, us)
            found += self._moments.refined(after, us)
        return [frame for moment in sorted(found) for frame in self._told(moment)]

    def _told(self, moment: Moment) -> Iterable[Frame]:
        for sub in list(self._subs.values()):
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
