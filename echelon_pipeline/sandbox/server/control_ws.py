"""Control routes of WebSockets: connections, forced faults, keys.

Belongs here: routes below /__sandbox__/ws, for tests.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.sandbox.faults.faults import CONNECTION_FAULTS, FRAME_FAULTS
from echelon_pipeline.sandbox.server.hub import EMPTY_US, Hub
from echelon_pipeline.sandbox.server.keys import Keys
from echelon_pipeline.sandbox.server.wire import ErrorResponse, answer, json_body
from echelon_pipeline.sandbox.universe.book_faults import BOOK_FAULT_KINDS
from echelon_pipeline.sandbox.universe.captures import Capture

_KINDS = (*FRAME_FAULTS, *CONNECTION_FAULTS, "seq_gap")


def ws_routes(hub: Hub, keys: Keys, capture: Capture | None) -> list[Route]:
    """Routes: GET connections, capture, faults (the log); POST faults {"kind", "connection"?, "instrument"?,
    "seconds"?}, keys {"key_id", "public_key"}."""

    async def connections(_: Request) -> Response:
        body = {
            name: {
                "sent": c.sent,
                "received": c.received,
                "waiting": c.queue.qsize(),
                "instruments": len(c.session.rows()),
                "is_silent": c.injector.is_silent,
                "is_broken": c.injector.is_broken,
            }
            for name, c in hub.connections.items()
        }
        return answer(body)

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            body = await json_body(request)
            try:
                _inject(hub, body if isinstance(body, dict) else {})
            except ErrorResponse as refused:
                return answer(refused.body, refused.status)
        return answer(hub.log.body())

    async def captured(_: Request) -> Response:
        if capture is None:
            return answer({"error": "no capture is served here"}, 404)
        last = capture.frames[-1].us
        skipped = dict(capture.skipped)
        return answer({"venue": capture.venue, "frames": len(capture.frames), "last_us": last, "skipped": skipped})

    async def add_key(request: Request) -> Response:
        body = await json_body(request)
        if not isinstance(body, dict) or not {"key_id", "public_key"} <= body.keys():
            return answer({"error": 'expected {"key_id": .., "public_key": <PEM>}'}, 400)
        try:
            keys.add(str(body["key_id"]), str(body["public_key"]).encode())
        except BadSettings as error:
            return answer({"error": str(error)}, 400)
        return answer({"key_id": body["key_id"]})

    return [
        Route("/__sandbox__/ws/connections", connections),
        Route("/__sandbox__/ws/capture", captured),
        Route("/__sandbox__/ws/faults", faults, methods=["GET", "POST"]),
        Route("/__sandbox__/ws/keys", add_key, methods=["POST"]),
    ]


def _inject(hub: Hub, body: dict[str, object]) -> None:
    """Forces one fault: of a connection (of all if none is named), or of an instrument's book."""
    hub.pump()
    kind, instrument = str(body.get("kind")), str(body.get("instrument") or "")
    if kind in BOOK_FAULT_KINDS:
        _inject_book_fault(hub, kind, instrument, body.get("seconds"))
        return
    if kind not in _KINDS:
        raise ErrorResponse(400, {"error": f"kind: expected one of {', '.join((*_KINDS, *BOOK_FAULT_KINDS))}"})
    name = body.get("connection")
    if name is not None and name not in hub.connections:
        raise ErrorResponse(404, {"error": f"no connection {name}"})
    for connection in [hub.connections[str(name)]] if name else list(hub.connections.values()):
        connection.put(connection.injector.force(kind, instrument, hub.us))


def _inject_book_fault(hub: Hub, kind: str, instrument: str, seconds: object) -> None:
    """Adds a fault from the next millisecond on, so that earlier frames stay correct."""
    where = hub.world.find(instrument) if hub.world else None
    if where is None or hub.world is None:
        raise ErrorResponse(404, {"error": "instrument: expected <venue>:<native id>"})
    since = (hub.us // 1000 + 1) * 1000
    duration = int(seconds * 1_000_000) if isinstance(seconds, int | float) and seconds > 0 else EMPTY_US
    fault = next(m for m in BOOK_FAULT_KINDS if m == kind)
    if not hub.inject_book_fault(hub.world, *where, fault, since, since + duration):
        raise ErrorResponse(400, {"error": f"{kind} would change nothing about {instrument}"})
