"""Recorded streams played to whoever subscribes, from the beginning on every connection.

Belongs here: choosing what a client asked for, giving Kalshi's frames its sids. The sandbox's clock is the speed: the
stream starts with the first subscription. Numbers are made anew, since a recording of one market has holes where the
others were; ``numbers="recorded"`` keeps them, and sends every frame of a channel whatever was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from echelon_pipeline.sandbox.kalshi.commands import Asked, CommandError
from echelon_pipeline.sandbox.kalshi.subscriptions import UNNUMBERED, KalshiDesk, Subscription
from echelon_pipeline.sandbox.polymarket.session import INVALID
from echelon_pipeline.sandbox.server.sessions import Frame
from echelon_pipeline.sandbox.universe.captures import Capture

Obj = dict[str, Any]
Numbers = Literal["renumbered", "recorded"]
_CHANNEL = {"orderbook_snapshot": "orderbook_delta", "ok": "orderbook_delta", "unsubscribed": ""}


class Reel:
    """Where one connection is in a capture."""

    def __init__(self, capture: Capture) -> None:
        self._frames, self._next = capture.frames, 0
        self._began: int | None = None

    def begin(self, us: int) -> None:
        """With the first subscription; later ones change nothing."""
        self._began = us if self._began is None else self._began

    def due(self, us: int) -> Iterable[tuple[int, Any]]:
        """Time and frame of what has come up by now."""
        while self._began is not None and self._next < len(self._frames):
            captured = self._frames[self._next]
            if self._began + captured.us > us:
                return
            self._next += 1
            yield self._began + captured.us, msgspec.json.decode(captured.body)


class KalshiReplay(KalshiDesk):
    """Any ticker is taken; those that the recording lacks stay silent. A fresh snapshot cannot be had."""

    def __init__(
        self, capture: Capture, us: int, numbers: Numbers, skips: Callable[[str], bool] = lambda _: False
    ) -> None:
        super().__init__(us)
        self._reel, self._keeps, self._skips = Reel(capture), numbers == "recorded", skips
        self._rows: dict[str, int] = {}

    def rows(self) -> set[int]:
        return set()

    def receive(self, text: str, us: int) -> list[Frame]:
        """What is due at once follows the answer."""
        return [*super().receive(text, us), *self.advance(us)]

    def find(self, ticker: str) -> int:
        return self._rows.setdefault(ticker, len(self._rows))

    def find_id(self, market_id: str) -> int | None:  # noqa: ARG002 - recordings are asked for by ticker
        return None

    def name(self, row: int) -> str:
        return next(ticker for ticker, number in self._rows.items() if number == row)

    def snapshot(self, sub: Subscription, row: int, more: Obj | None = None) -> Frame:  # noqa: ARG002
        raise CommandError(1, more or {})

    def first_frames(self, sub: Subscription, rows: Iterable[int], asked: Asked) -> list[Frame]:  # noqa: ARG002
        self._reel.begin(self.us)
        return []

    def advance(self, us: int) -> list[Frame]:
        self.us = max(us, self.us)
        return [frame for at, body in self._reel.due(self.us) for frame in self._told(body, at)]

    def _told(self, body: Obj, at: int) -> Iterable[Frame]:
        channel = _CHANNEL.get(body["type"], body["type"])
        sub = next((s for s in self.subs.values() if s.channel == channel), None)
        ticker = body["msg"].get("market_ticker", "") if isinstance(body.get("msg"), dict) else ""
        if sub is None or (not self._keeps and (not ticker or not sub.covers(self.find(ticker)))):
            return
        instrument = f"kalshi:{ticker}"
        body["sid"] = sub.sid
        if not self._keeps and channel not in UNNUMBERED:
            sub.seq += 2 if self._skips(instrument) else 1
            body["seq"] = sub.seq
        yield Frame(body, at, instrument)


class PolymarketReplay:
    """The market channel; only what names an asset that was asked for, and new markets."""

    def __init__(self, capture: Capture, us: int) -> None:
        self._reel, self._us = Reel(capture), us
        self._tokens: set[str] = set()

    def rows(self) -> set[int]:
        return set()

    def receive(self, text: str, us: int) -> list[Frame]:
        before = self.advance(us)
        if text == "PING":
            return [*before, Frame("PONG", us, is_pong=True)]
        try:
            body = msgspec.json.decode(text)
            tokens = {str(token) for token in body["assets_ids"]}
        except (msgspec.DecodeError, KeyError, TypeError):
            return [*before, Frame(INVALID, us)]
        if body.get("operation") == "unsubscribe":
            self._tokens -= tokens
            return before
        self._tokens |= tokens
        self._reel.begin(us)
        return [*before, *self.advance(us)]

    def advance(self, us: int) -> list[Frame]:
        self._us = max(us, self._us)
        found = []
        for at, body in self._reel.due(self._us):
            kept = [e for e in body if self._fits(e)] if isinstance(body, list) else body if self._fits(body) else None
            if kept or body == []:
                first = kept[0] if isinstance(kept, list) and kept else kept
                market = first.get("market", "") if isinstance(first, dict) else ""
                found.append(Frame(kept, at, f"polymarket:{market}"))
        return found

    def _fits(self, event: Obj) -> bool:
        entries = [event, *event.get("price_changes", [])]
        return event["event_type"] == "new_market" or any(e.get("asset_id") in self._tokens for e in entries)
