"""The sandbox as one web application on loopback.

Belongs here: assembling the venues' routes, the control routes and the layers for faults, limits and counts; ``run.py``
runs them. Kalshi is at /trade-api/v2, Polymarket at /gamma, /clob and /data; the WebSocket paths are in ``options.py``.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.hosting.same_origin import SameOrigin
from echelon_pipeline.sandbox.faults.faults import FaultPlan, Faults
from echelon_pipeline.sandbox.kalshi.recorded import RecordedKalshi
from echelon_pipeline.sandbox.kalshi.routes import Kalshi
from echelon_pipeline.sandbox.polymarket.builders import Builders
from echelon_pipeline.sandbox.polymarket.clob_routes import Clob
from echelon_pipeline.sandbox.polymarket.data_routes import Data
from echelon_pipeline.sandbox.polymarket.gamma_routes import SUNSET, Gamma
from echelon_pipeline.sandbox.polymarket.recorded import RecordedPolymarket
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.control import book_routes, control_routes, recording_routes
from echelon_pipeline.sandbox.server.control_account import account_routes
from echelon_pipeline.sandbox.server.control_ws import ws_routes
from echelon_pipeline.sandbox.server.hub import Hub
from echelon_pipeline.sandbox.server.keys import KEY_ID, Keys, key_file, public_key
from echelon_pipeline.sandbox.server.limits import Limits
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.playback import Numbers
from echelon_pipeline.sandbox.server.sockets import Sockets
from echelon_pipeline.sandbox.server.wire import ErrorResponse, answer, json_body
from echelon_pipeline.sandbox.universe.captures import Capture
from echelon_pipeline.sandbox.universe.captures import load as load_capture
from echelon_pipeline.sandbox.universe.recorded import RecordedUniverse, load
from echelon_pipeline.sandbox.universe.universe import Universe
from echelon_pipeline.sandbox.universe.unserved import unserved
from echelon_pipeline.sandbox.universe.world import World

log = logging.getLogger(__name__)
Handler = Callable[..., Any]
KALSHI = "/trade-api/v2"
CONTROL = "/__sandbox__"
# Endpoints that no recording and no published schema backs: they serve our reading of the reference.
UNVERIFIED_ENDPOINTS = (
    "/trade-api/v2/historical/cutoff of a recorded universe",
    "/data/v2/*",
    "/data/v1/builders/*",
    "/clob/builder/trades",
    "/clob/fees/builder-fees/{code}",
    "/clob/markets-by-token/{token}",
    "/clob/batch-prices-history",
    "/gamma/sports",
    "/ws/user",
)


def build_app(
    universe: Universe | RecordedUniverse,
    *,
    limits: Literal["real", "off"] = "off",
    faults: FaultPlan | None = None,
    clock: SandboxClock | None = None,
    keys: Keys | None = None,
    capture: Capture | None = None,
    numbers: Numbers = "renumbered",
    hosts: Sequence[str] = (),
) -> Starlette:
    """The application over a universe. ``app.state`` has ``clock``, ``plan``, ``counts``, ``hub``.

    ``hosts``: further host names that may call the control routes, in addition to loopback."""
    clock = clock or SandboxClock(universe.start)
    plan = faults or FaultPlan()
    keys = keys or Keys({})
    counts: Counter[str] = Counter()
    world = World(universe, clock) if isinstance(universe, Universe) else None
    hub = Hub(world, clock, plan)
    routes: list[BaseRoute] = [
        *control_routes(universe, clock, plan, counts, hub.settle),
        *ws_routes(hub, keys, capture),
    ]
    routes += Sockets(hub, keys, capture, numbers).routes()
    if isinstance(universe, RecordedUniverse):
        routes += [*recording_routes(universe), *recorded_routes(universe, clock)]
    elif world is not None:
        routes += [*book_routes(world), *account_routes(hub, world), *generated_routes(world)]
    layers = [
        Middleware(SameOrigin, below=CONTROL, hosts=hosts),
        Middleware(RequestCounter, counts=counts),
        Middleware(Faults, plan=plan),
    ]
    if limits == "real":
        layers.append(Middleware(Limits))
    app = Starlette(routes=routes, middleware=layers, exception_handlers={404: _unknown_path})
    app.state.clock, app.state.plan, app.state.counts, app.state.universe = clock, plan, counts, universe
    app.state.hub = hub
    return app


def recorded_routes(universe: RecordedUniverse, clock: SandboxClock) -> list[Route]:
    """Routes of both venues over a recorded universe."""
    polymarket = RecordedPolymarket(universe, clock)
    routes = _gets(KALSHI, RecordedKalshi(universe).routes()) + _gets("/gamma", polymarket.gamma(), legacy=SUNSET)
    routes += _gets("/clob", polymarket.clob()) + _gets("/data", polymarket.data())
    return routes + [
        Route(f"/clob{path}", _post(handler), methods=["POST"]) for path, handler in polymarket.posts().items()
    ]


def generated_routes(world: World) -> list[Route]:
    """Routes of both venues over a generated universe."""
    state, clock = world.polymarket, world.clock
    builders = Builders(state)
    clob = Clob(state, builders, clock)
    routes = _gets(KALSHI, Kalshi(world.kalshi, clock).routes())
    routes += _gets("/gamma", Gamma(state, clock).routes(), legacy=SUNSET)
    routes += _gets("/clob", clob.routes())
    routes += [Route(f"/clob{path}", _post(handler), methods=["POST"]) for path, handler in clob.posts().items()]
    return routes + _gets("/data", Data(state, builders, clock).routes())


def _gets(prefix: str, handlers: Mapping[str, Handler], legacy: Mapping[str, str] | None = None) -> list[Route]:
    """GET routes; fixed paths come before paths with parameters."""
    ordered = sorted(handlers.items(), key=lambda item: item[0].count("{"))
    return [
        Route(prefix + path, _get(handler, legacy if path in ("/markets", "/events") else None), methods=["GET"])
        for path, handler in ordered
    ]


def _get(handler: Handler, headers: Mapping[str, str] | None) -> Handler:
    async def endpoint(request: Request) -> Response:
        try:
            return answer(handler(request), headers=headers)
        except ErrorResponse as refused:
            return answer(refused.body, refused.status)

    return endpoint


def _post(handler: Handler) -> Handler:
    async def endpoint(request: Request) -> Response:
        try:
            return answer(handler(request, await json_body(request)))
        except ErrorResponse as refused:
            return answer(refused.body, refused.status)

    return endpoint


async def _unknown_path(request: Request, _: Exception) -> Response:
    recorded = isinstance(request.app.state.universe, RecordedUniverse)
    kind = "not_available_in_recording" if recorded else "not_available"
    code = {"code": kind, "message": f"the sandbox does not serve {request.url.path}"}
    return answer({"error": code}, 404)


class RequestCounter:
    """ASGI layer that counts requests by path and status."""

    def __init__(self, app: ASGIApp, counts: Counter[str]) -> None:
        self.app = app
        self.counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.counts[f"{message['status']} {_group(scope['path'])}"] += 1
            await send(message)

        await self.app(scope, receive, counted)


def _group(path: str) -> str:
    """A path without its ids, to keep the number of counts small."""
    return "/".join(
        part if len(part) < 26 and not any(c.isdigit() for c in part[2:]) else "*" for part in path.split("/")
    )


def build(options: SandboxOptions) -> Starlette:
    """The application for these options. Raises BadSettings."""
    plan = FaultPlan.parse(options.faults, options.seed)
    universe: Universe | RecordedUniverse
    if options.universe == "recorded":
        if options.recordings is None:
            raise BadSettings("the recorded universe needs a folder of payloads (--recordings)")
        universe = load(options.recordings)
        gaps = "; ".join(f"{len(names)} x {what}" for what, names in unserved(universe).items())
        if gaps:
            message = "%s: some objects are not served as their venues would (names: GET %s/recording): %s"
            log.warning(message, options.recordings, CONTROL, gaps)
    else:
        universe = Universe(options)
    begin = (options.now or universe.start) - timedelta(seconds=options.behind)
    clock = SandboxClock(begin, speed=options.speed)
    keys = Keys({KEY_ID: public_key((options.kalshi_key or key_file()).read_bytes())})
    capture = load_capture(options.capture) if options.capture else None
    if capture is not None and capture.skipped:
        skipped = ", ".join(f"{count} x {reason}" for reason, count in sorted(capture.skipped.items()))
        log.warning("%s: not played: %s", options.capture, skipped)
    return build_app(
        universe,
        limits=options.limits,
        faults=plan,
        clock=clock,
        keys=keys,
        capture=capture,
        numbers=options.capture_numbers,
        hosts=[options.host],
    )
