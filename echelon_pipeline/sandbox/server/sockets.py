"""The WebSocket routes of a sandbox: handshakes, and the tasks of one connection.

Belongs here: reading, pushing and sending on a socket. The venues' sessions make the frames, the fault injector changes
them. Kalshi is at /trade-api/ws/v2, Polymarket at /ws/market and /ws/user.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from echelon_pipeline.sandbox.faults.connections import ConnectionBreak, FaultInjector
from echelon_pipeline.sandbox.kalshi.session import KalshiSession
from echelon_pipeline.sandbox.kalshi.subscriptions import KalshiSubscriptions
from echelon_pipeline.sandbox.polymarket.session import MarketSession, UserSession
from echelon_pipeline.sandbox.server.hub import Connection, Hub
from echelon_pipeline.sandbox.server.keys import Keys
from echelon_pipeline.sandbox.server.options import KALSHI_PATH, MARKET_PATH, USER_PATH
from echelon_pipeline.sandbox.server.playback import KalshiReplay, Numbers, PolymarketReplay
from echelon_pipeline.sandbox.server.protocol import PROTOCOL_KEY, SandboxProtocol
from echelon_pipeline.sandbox.server.sessions import SocketSession
from echelon_pipeline.sandbox.server.wire import answer
from echelon_pipeline.sandbox.universe.captures import Capture

POLL_SECONDS = 0.02
SILENT_SECONDS = 60.0  # Polymarket closes a connection after this long without a PING


class Sockets:
    """Handlers of the three paths."""

    def __init__(self, hub: Hub, keys: Keys, capture: Capture | None = None, numbers: Numbers = "renumbered") -> None:
        self._hub, self._keys, self._capture, self._numbers = hub, keys, capture, numbers

    def routes(self) -> list[WebSocketRoute]:
        return [
            WebSocketRoute(KALSHI_PATH, self.kalshi),
            WebSocketRoute(MARKET_PATH, self.market),
            WebSocketRoute(USER_PATH, self.user),
        ]

    async def kalshi(self, socket: WebSocket) -> None:
        """The handshake must be signed, for public channels too."""
        refusal = self._keys.refusal(socket.headers, "GET", KALSHI_PATH)
        if refusal is not None:
            await socket.send_denial_response(answer(refusal, 401))
            return
        await self._serve(socket, "kalshi", self._kalshi_session)

    def _kalshi_session(self, injector: FaultInjector) -> SocketSession | None:
        if self._capture is not None and self._capture.venue == "kalshi":
            return KalshiReplay(self._capture, self._hub.us, self._numbers, injector.skips_number)
        world = self._hub.world
        return None if world is None else KalshiSession(world, self._hub.us, injector.skips_number)

    async def market(self, socket: WebSocket) -> None:
        await self._serve(socket, "polymarket", self._market_session)

    def _market_session(self, _: FaultInjector) -> SocketSession | None:
        if self._capture is not None and self._capture.venue == "polymarket":
            return PolymarketReplay(self._capture, self._hub.us)
        world = self._hub.world
        return None if world is None else MarketSession(world, self._hub.us)

    async def user(self, socket: WebSocket) -> None:
        await self._serve(socket, "user", lambda _: UserSession(self._hub.world))

    async def _serve(
        self, socket: WebSocket, venue: str, make: Callable[[FaultInjector], SocketSession | None]
    ) -> None:
        self._hub.pump()
        injector = self._hub.new_injector(venue)
        session = make(injector)
        if session is None:
            body = {"error": {"code": "not_available_in_recording", "message": "no capture is served here"}}
            await socket.send_denial_response(answer(body, 404))
            return
        await socket.accept()
        connection = Connection(injector, session)
        self._hub.connections[injector.connection] = connection
        try:
            await ConnectionTasks(self._hub, socket, connection).run()
        finally:
            del self._hub.connections[injector.connection]


class ConnectionTasks:
    """The tasks of one connection; when one ends, all end."""

    def __init__(self, hub: Hub, socket: WebSocket, connection: Connection) -> None:
        self._hub, self._socket, self._connection = hub, socket, connection
        self._protocol: SandboxProtocol | None = socket.scope.get("extensions", {}).get(PROTOCOL_KEY)
        self._last_received = time.monotonic()

    async def run(self) -> None:
        tasks = [asyncio.create_task(job()) for job in (self._read, self._push, self._send)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except WebSocketDisconnect:
            return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            text = await self._socket.receive_text()
            self._last_received = time.monotonic()
            self._hub.receive(self._connection, text)
            if isinstance(self._connection.session, UserSession) and self._connection.session.is_refused:
                await self._socket.close(1008, "unauthorized")
                return

    async def _push(self) -> None:
        """Advances the sessions; closes silent connections and drops subscriptions of slow clients."""
        injector, session = self._connection.injector, self._connection.session
        while True:
            is_behind = self._hub.pump()
            if (
                injector.venue != "kalshi"
                and not injector.is_broken
                and time.monotonic() - self._last_received > SILENT_SECONDS
            ):
                await self._socket.close(1000, "no PING")
                return
            if isinstance(session, KalshiSubscriptions) and self._connection.is_late():
                self._connection.push(session.overflow())
            await asyncio.sleep(0 if is_behind else POLL_SECONDS)

    async def _send(self) -> None:
        queue, injector = self._connection.queue, self._connection.injector
        while True:
            text = await queue.get()
            if injector.pause:
                await asyncio.sleep(injector.pause)
            if isinstance(text, ConnectionBreak):
                self._break(text)
            else:
                self._connection.sending_since = time.monotonic()
                await self._socket.send_text(text)
                self._connection.sending_since = None
                self._connection.sent += 1
            queue.task_done()

    def _break(self, how: ConnectionBreak) -> None:
        if self._protocol is None:
            raise WebSocketDisconnect(1006)
        if how is ConnectionBreak.ABORT:
            self._protocol.abort()
        else:
            self._protocol.go_half_open()
