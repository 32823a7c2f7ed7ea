"""The WebSocket protocol of the sandbox's server: uvicorn's, with Kalshi's heartbeat and two ways to fail.

Belongs here: what an application cannot do by itself: abort a connection without a close frame, leave it half open. It
uses uvicorn's internal attributes; the tests over sockets fail when these change.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PROTOCOL_KEY = "sandbox.websocket"  # key of the protocol in a connection's scope
HEARTBEAT = b"heartbeat"
_KALSHI = "/trade-api/"


class SandboxProtocol(WebSocketsSansIOProtocol):
    """One connection."""

    is_half_open = False

    async def run_asgi(self) -> None:
        extensions = self.scope["extensions"]
        if extensions is not None:
            extensions[PROTOCOL_KEY] = self  # type: ignore[assignment]
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """Marks a refused handshake as complete; otherwise uvicorn logs an error."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def start_keepalive(self) -> None:
        """Starts pings on Kalshi's path; on Polymarket's the clients ping."""
        if self.scope["path"].startswith(_KALSHI):
            super().start_keepalive()

    def send_keepalive_ping(self) -> None:
        """Sends the documented ping: a fixed body; a client that does not answer is not disconnected."""
        self.ping_timer = None
        if self.close_sent or self.is_half_open or self.transport.is_closing():
            return
        self.conn.send_ping(HEARTBEAT)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.schedule_ping()

    def data_received(self, data: bytes) -> None:
        if not self.is_half_open:
            super().data_received(data)

    def abort(self) -> None:
        """Closes the connection without a close frame."""
        self.transport.abort()

    def go_half_open(self) -> None:
        """Keeps the socket open, but reads, answers and sends nothing more."""
        self.is_half_open = True
