"""Kalshi's WebSocket commands on one connection: subscriptions and their acknowledgements.

Belongs here: answers to commands, for generated and recorded data (reference: Kalshi 7). A recorded stream shows that
a second subscription to a channel adds markets to the first, acknowledged by a numbered ``ok``. Channels without data
in the sandbox (quotes on request, indices) are acknowledged and stay silent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from echelon_pipeline.sandbox.kalshi.commands import Command, CommandError, read
from echelon_pipeline.sandbox.server.sessions import OutgoingFrame
from echelon_pipeline.sandbox.universe.books import Book

Obj = dict[str, Any]
LIFECYCLES = {"market_lifecycle_v2": False, "multivariate_market_lifecycle": True}  # channel → of combos
UNNUMBERED = {"ticker", "fill", "market_positions", "user_orders"}


@dataclass
class Subscription:
    """``rows``: its markets; None: all. ``books``: the books as last sent, for ``orderbook_delta``."""

    sid: int
    channel: str
    rows: dict[int, None] | None
    in_yes_prices: bool = False
    is_terse: bool = False
    seq: int = 0
    books: dict[int, Book] = field(default_factory=dict)

    def covers(self, row: int) -> bool:
        return self.rows is None or row in self.rows


class KalshiSubscriptions(ABC):
    """``us``: the time that this connection has reached."""

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
    def advance(self, us: int) -> list[OutgoingFrame]:
        """Data since the last call."""

    @abstractmethod
    def snapshot(self, sub: Subscription, row: int, more: Obj | None = None) -> OutgoingFrame:
        """The current book. Raises CommandError if there is none."""

    @abstractmethod
    def first_frames(self, sub: Subscription, rows: Iterable[int], command: Command) -> list[OutgoingFrame]:
        """The first frames of a subscription."""

    def receive(self, text: str, us: int) -> list[OutgoingFrame]:
        """Answers to a command; data up to ``us`` comes first."""
        before = self.advance(us)
        try:
            command = read(text, self.find, self.find_id)
            answers: list[OutgoingFrame] = getattr(self, f"_{command.cmd}")(command)
        except CommandError as error:
            return [*before, OutgoingFrame(error.body, us)]
        return [*before, *answers]

    def _subscribe(self, command: Command) -> list[OutgoingFrame]:
        frames = [OutgoingFrame(error, self.us) for error in command.not_found]
        if command.not_found and not command.rows:
            return frames
        for channel in command.channels:
            existing = next((s for s in self.subs.values() if s.channel == channel), None)
            if existing is not None:
                frames += self._add(existing, command)
                continue
            self._sids += 1
            rows = None if command.names_no_market or channel in LIFECYCLES else dict.fromkeys(command.rows)
            sub = Subscription(self._sids, channel, rows, command.in_yes_prices, command.is_terse)
            self.subs[sub.sid] = sub
            body = {"type": "subscribed", "msg": {"channel": channel, "sid": sub.sid}}
            frames.append(OutgoingFrame(command.id_part | body, self.us))
            frames += self.first_frames(sub, sub.rows or (), command)
        return frames

    def _add(self, sub: Subscription, command: Command) -> list[OutgoingFrame]:
        """Adds new markets to a subscription: first the ``ok``, then their snapshots."""
        added = [row for row in command.rows if not sub.covers(row)]
        if not added or sub.rows is None:
            return [OutgoingFrame(command.error(6).body, self.us)]
        sub.rows.update(dict.fromkeys(added))
        return [self._ok(sub, command), *self.first_frames(sub, added, command)]

    def _ok(self, sub: Subscription, command: Command) -> OutgoingFrame:
        sub.seq += 1
        body: Obj = command.id_part | {"type": "ok", "sid": sub.sid, "seq": sub.seq}
        if not sub.is_terse:
            body["msg"] = {"market_tickers": sorted(self.name(row) for row in sub.rows or ())}
        return OutgoingFrame(body, self.us)

    def _unsubscribe(self, command: Command) -> list[OutgoingFrame]:
        frames = []
        for sid in command.sids:
            sub = self.subs.pop(sid, None)
            if sub is None:
                frames.append(OutgoingFrame(command.error(7).body, self.us))
                continue
            body = command.id_part | {"type": "unsubscribed", "sid": sid, "seq": sub.seq + 1}
            frames.append(OutgoingFrame(body, self.us))
        return frames

    def _list_subscriptions(self, command: Command) -> list[OutgoingFrame]:
        subs = [{"channel": s.channel, "sid": s.sid} for s in self.subs.values()]
        return [OutgoingFrame({"id": 0} | command.id_part | {"type": "ok", "msg": subs}, self.us)]

    def _update_subscription(self, command: Command) -> list[OutgoingFrame]:
        sub = self.subs.get(command.sids[0])
        if sub is None:
            raise command.error(7)
        errors = [OutgoingFrame(error, self.us) for error in command.not_found]
        if command.action == "add_markets":
            return [*errors, *self._add(sub, command)]
        if command.action == "delete_markets" and sub.rows is not None:
            for row in command.rows:
                sub.rows.pop(row, None)
                sub.books.pop(row, None)
            return [*errors, self._ok(sub, command)]
        if command.action == "get_snapshot" and sub.channel == "orderbook_delta":
            covered = [row for row in command.rows if sub.covers(row)]
            return [*errors, *(self.snapshot(sub, row, command.id_part) for row in covered)]
        raise command.error(13)

    def overflow(self) -> list[OutgoingFrame]:
        """Drops every subscription that has markets, with a terminal error."""
        frames = []
        for sub in [s for s in self.subs.values() if s.rows is None or s.rows]:
            del self.subs[sub.sid]
            frames.append(OutgoingFrame(CommandError(25, {}, sid=sub.sid).body, self.us))
        return frames
