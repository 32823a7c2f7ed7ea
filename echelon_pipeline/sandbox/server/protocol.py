"""The WebSocket protocol of the sandbox's server: uvicorn's, with Kalshi's heartbeat and two ways to fail.

Belongs here: what an application cannot do by itself: cut a connection without a word, leave it half open. It leans
on uvicorn's own attributes; the tests over sockets notice when they change.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LINK = "sandbox.websocket"  # where a connection's scope has its link
HEARTBEAT = b"heartbeat"
_KALSHI = "/trade-api/"


class Link(WebSocketsSansIOProtocol):
    """One connection."""

    is_dark = False

    async def run_asgi(self) -> None:
        extensions = self.scope["extensions"]
        if extensions is not None:
            extensions[LINK] = self  # type: ignore[assignment]
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """A refused handshake is complete too: uvicorn would report an error for each."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def start_keepalive(self) -> None:
        """Kalshi pings its clients; Polymarket's clients ping."""
        if self.scope["path"].startswith(_KALSHI):
            super().start_keepalive()

    def send_keepalive_ping(self) -> None:
        """As documented: the body is always the same, and a client that does not answer is not dropped for it."""
        self.ping_timer = None
        if self.close_sent or self.is_dark or self.transport.is_closing():
            return
        self.conn.send_ping(HEARTBEAT)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.schedule_ping()

    def data_received(self, data: bytes) -> None:
        if not self.is_dark:
            super().data_received(data)

    def cut(self) -> None:
        """Gone without a close frame."""
        self.transport.abort()

    def go_dark(self) -> None:
        """The socket stays open: nothing more is read, answered or sent."""
        self.is_dark = True
