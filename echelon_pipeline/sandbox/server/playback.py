"""Plays recorded streams to subscribers, from the beginning on every connection.

Belongs here: selecting subscribed frames, and giving Kalshi's frames the connection's sids. The stream starts with the
first subscription and runs by the sandbox's clock. Sequence numbers are new, because a recording of one market has
holes where other markets were; ``numbers="recorded"`` keeps them and sends every frame of a channel, subscribed or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from echelon_pipeline.sandbox.kalshi.commands import Command, CommandError
from echelon_pipeline.sandbox.kalshi.subscriptions import UNNUMBERED, KalshiSubscriptions, Subscription
from echelon_pipeline.sandbox.polymarket.session import INVALID
from echelon_pipeline.sandbox.server.sessions import OutgoingFrame
from echelon_pipeline.sandbox.universe.captures import Capture

Obj = dict[str, Any]
Numbers = Literal["renumbered", "recorded"]
_CHANNEL = {"orderbook_snapshot": "orderbook_delta", "ok": "orderbook_delta", "unsubscribed": ""}


class Playback:
    """The position of one connection in a capture."""

    def __init__(self, capture: Capture) -> None:
        self._frames, self._next = capture.frames, 0
        self._began: int | None = None

    def begin(self, us: int) -> None:
        """Starts the stream at the first call; later calls change nothing."""
        self._began = us if self._began is None else self._began

    def due(self, us: int) -> Iterable[tuple[int, Any]]:
        """Time and body of the frames up to ``us``."""
        while self._began is not None and self._next < len(self._frames):
            captured = self._frames[self._next]
            if self._began + captured.us > us:
                return
            self._next += 1
            yield self._began + captured.us, msgspec.json.decode(captured.body)


class KalshiReplay(KalshiSubscriptions):
    """Accepts any ticker; a ticker without recorded frames stays silent. ``get_snapshot`` is an error."""

    def __init__(
        self, capture: Capture, us: int, numbers: Numbers, skips_number: Callable[[str], bool] = lambda _: False
    ) -> None:
        super().__init__(us)
        self._playback, self._keeps, self._skips_number = Playback(capture), numbers == "recorded", skips_number
        self._rows: dict[str, int] = {}

    def rows(self) -> set[int]:
        return set()

    def receive(self, text: str, us: int) -> list[OutgoingFrame]:
        """Answers, then the frames that are due."""
        return [*super().receive(text, us), *self.advance(us)]

    def find(self, ticker: str) -> int:
        return self._rows.setdefault(ticker, len(self._rows))

    def find_id(self, market_id: str) -> int | None:  # noqa: ARG002 - recordings have tickers only
        return None

    def name(self, row: int) -> str:
        return next(ticker for ticker, number in self._rows.items() if number == row)

    def snapshot(self, sub: Subscription, row: int, more: Obj | None = None) -> OutgoingFrame:  # noqa: ARG002
        raise CommandError(1, more or {})

    def first_frames(self, sub: Subscription, rows: Iterable[int], command: Command) -> list[OutgoingFrame]:  # noqa: ARG002
        self._playback.begin(self.us)
        return []

    def advance(self, us: int) -> list[OutgoingFrame]:
        self.us = max(us, self.us)
        return [frame for at, body in self._playback.due(self.us) for frame in self._frames_for(body, at)]

    def _frames_for(self, body: Obj, at: int) -> Iterable[OutgoingFrame]:
        channel = _CHANNEL.get(body["type"], body["type"])
        sub = next((s for s in self.subs.values() if s.channel == channel), None)
        ticker = body["msg"].get("market_ticker", "") if isinstance(body.get("msg"), dict) else ""
        if sub is None or (not self._keeps and (not ticker or not sub.covers(self.find(ticker)))):
            return
        instrument = f"kalshi:{ticker}"
        body["sid"] = sub.sid
        if not self._keeps and channel not in UNNUMBERED:
            sub.seq += 2 if self._skips_number(instrument) else 1
            body["seq"] = sub.seq
        yield OutgoingFrame(body, at, instrument)


class PolymarketReplay:
    """The market channel: events of subscribed assets, and new markets."""

    def __init__(self, capture: Capture, us: int) -> None:
        self._playback, self._us = Playback(capture), us
        self._tokens: set[str] = set()

    def rows(self) -> set[int]:
        return set()

    def receive(self, text: str, us: int) -> list[OutgoingFrame]:
        before = self.advance(us)
        if text == "PING":
            return [*before, OutgoingFrame("PONG", us, is_pong=True)]
        try:
            body = msgspec.json.decode(text)
            tokens = {str(token) for token in body["assets_ids"]}
        except (msgspec.DecodeError, KeyError, TypeError):
            return [*before, OutgoingFrame(INVALID, us)]
        if body.get("operation") == "unsubscribe":
            self._tokens -= tokens
            return before
        self._tokens |= tokens
        self._playback.begin(us)
        return [*before, *self.advance(us)]

    def advance(self, us: int) -> list[OutgoingFrame]:
        self._us = max(us, self._us)
        frames = []
        for at, body in self._playback.due(self._us):
            kept = [e for e in body if self._fits(e)] if isinstance(body, list) else body if self._fits(body) else None
            if kept or body == []:
                first = kept[0] if isinstance(kept, list) and kept else kept
                market = first.get("market", "") if isinstance(first, dict) else ""
                frames.append(OutgoingFrame(kept, at, f"polymarket:{market}"))
        return frames

    def _fits(self, event: Obj) -> bool:
        entries = [event, *event.get("price_changes", [])]
        return event["event_type"] == "new_market" or any(e.get("asset_id") in self._tokens for e in entries)
