"""Kalshi's WebSocket commands on one connection: subscriptions and their acknowledgements.

Belongs here: what is answered, whatever is pushed afterwards (reference: Kalshi 7). A recorded stream shows that
subscribing again to a channel adds markets to it, acknowledged by a numbered ``ok``. Channels of which nothing ever
happens here (quotes on request, indices) are acknowledged and stay silent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from echelon_pipeline.sandbox.kalshi.commands import Asked, CommandError, read
from echelon_pipeline.sandbox.server.sessions import Frame
from echelon_pipeline.sandbox.universe.books import Book

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


class KalshiDesk(ABC):
    """``us``: the time that this connection was told of."""

    def __init__(self, us: int) -> None:
        self.us = us
        self.subs: dict[int, Subscription] = {}
        self._sids = 0

    @abstractmethod
    def find(self, ticker: str) -> int | None:
        """Row of a market."""

    @abstractmethod
    def find_id(self, market_id: str) -> int | None:
        """Row of a market by its UUID."""

    @abstractmethod
    def name(self, row: int) -> str:
        """Ticker of a market."""

    @abstractmethod
    def advance(self, us: int) -> list[Frame]:
        """What happened since the last call."""

    @abstractmethod
    def snapshot(self, sub: Subscription, row: int, more: Obj | None = None) -> Frame:
        """A book as it is now. Raises CommandError where there is none to give."""

    @abstractmethod
    def first_frames(self, sub: Subscription, rows: Iterable[int], asked: Asked) -> list[Frame]:
        """What a subscription begins with."""

    def receive(self, text: str, us: int) -> list[Frame]:
        """Answers to a command; what happened until ``us`` comes first."""
        before = self.advance(us)
        try:
            asked = read(text, self.find, self.find_id)
            answers: list[Frame] = getattr(self, f"_{asked.cmd}")(asked)
        except CommandError as error:
            return [*before, Frame(error.body, us)]
        return [*before, *answers]

    def _subscribe(self, asked: Asked) -> list[Frame]:
        found = [Frame(error, self.us) for error in asked.not_found]
        if asked.not_found and not asked.rows:
            return found
        for channel in asked.channels:
            taken = next((s for s in self.subs.values() if s.channel == channel), None)
            if taken is not None:
                found += self._add(taken, asked)
                continue
            self._sids += 1
            rows = None if asked.names_no_market or channel in LIFECYCLES else dict.fromkeys(asked.rows)
            sub = Subscription(self._sids, channel, rows, asked.in_yes_prices, asked.is_terse)
            self.subs[sub.sid] = sub
            body = {"type": "subscribed", "msg": {"channel": channel, "sid": sub.sid}}
            found.append(Frame(asked.id_part | body, self.us))
            found += self.first_frames(sub, sub.rows or (), asked)
        return found

    def _add(self, sub: Subscription, asked: Asked) -> list[Frame]:
        """Markets that a subscription lacks: first the ``ok``, then their snapshots."""
        fresh = [row for row in asked.rows if not sub.covers(row)]
        if not fresh or sub.rows is None:
            return [Frame(asked.error(6).body, self.us)]
        sub.rows.update(dict.fromkeys(fresh))
        return [self._ok(sub, asked), *self.first_frames(sub, fresh, asked)]

    def _ok(self, sub: Subscription, asked: Asked) -> Frame:
        sub.seq += 1
        body: Obj = asked.id_part | {"type": "ok", "sid": sub.sid, "seq": sub.seq}
        if not sub.is_terse:
            body["msg"] = {"market_tickers": sorted(self.name(row) for row in sub.rows or ())}
        return Frame(body, self.us)

    def _unsubscribe(self, asked: Asked) -> list[Frame]:
        found = []
        for sid in asked.sids:
            sub = self.subs.pop(sid, None)
            if sub is None:
                found.append(Frame(asked.error(7).body, self.us))
                continue
            body = asked.id_part | {"type": "unsubscribed", "sid": sid, "seq": sub.seq + 1}
            found.append(Frame(body, self.us))
        return found

    def _list_subscriptions(self, asked: Asked) -> list[Frame]:
        subs = [{"channel": s.channel, "sid": s.sid} for s in self.subs.values()]
        return [Frame({"id": 0} | asked.id_part | {"type": "ok", "msg": subs}, self.us)]

    def _update_subscription(self, asked: Asked) -> list[Frame]:
        sub = self.subs.get(asked.sids[0])
        if sub is None:
            raise asked.error(7)
        found = [Frame(error, self.us) for error in asked.not_found]
        if asked.action == "add_markets":
            return [*found, *self._add(sub, asked)]
        if asked.action == "delete_markets" and sub.rows is not None:
            for row in asked.rows:
                sub.rows.pop(row, None)
                sub.books.pop(row, None)
            return [*found, self._ok(sub, asked)]
        if asked.action == "get_snapshot" and sub.channel == "orderbook_delta":
            known = [row for row in asked.rows if sub.covers(row)]
            return [*found, *(self.snapshot(sub, row, asked.id_part) for row in known)]
        raise asked.error(13)

    def overflow(self) -> list[Frame]:
        """Gives every subscription up that has frames waiting: the error is terminal."""
        found = []
        for sub in [s for s in self.subs.values() if s.rows is None or s.rows]:
            del self.subs[sub.sid]
            found.append(Frame(CommandError(25, {}, sid=sub.sid).body, self.us))
        return found
