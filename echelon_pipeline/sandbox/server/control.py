"""Control routes of the sandbox: health, clock, faults, counts.

Belongs here: routes below /__sandbox__. They belong to no venue, so no fault hits them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.sandbox.faults.faults import FaultPlan
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import answer, json_body
from echelon_pipeline.sandbox.universe.recorded import RecordedUniverse
from echelon_pipeline.sandbox.universe.universe import Universe
from echelon_pipeline.sandbox.universe.unserved import unserved
from echelon_pipeline.sandbox.universe.world import World


def control_routes(
    universe: Universe | RecordedUniverse,
    clock: SandboxClock,
    plan: FaultPlan,
    counts: Counter[str],
    settle: Callable[[], Awaitable[int]],
) -> list[Route]:
    """Routes: GET health, counts, faults; POST advance {"seconds": n}, faults {"faults": [..]}, counts (resets)."""

    async def health(_: Request) -> Response:
        return answer(_state(universe, clock))

    async def advance(request: Request) -> Response:
        body = await json_body(request)
        seconds = body.get("seconds") if isinstance(body, dict) else None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            return answer({"error": 'expected {"seconds": <non-negative number>}'}, 400)
        if clock.s + seconds > int(universe.ends_at.timestamp()):
            return answer({"error": f"the universe ends at {universe.ends_at.isoformat()}"}, 400)
        clock.advance(seconds)
        return answer({"sent": await settle(), **_state(universe, clock)})

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            body = await json_body(request)
            texts = body.get("faults") if isinstance(body, dict) else None
            try:
                parsed = FaultPlan.parse([str(t) for t in texts or []], plan.seed)
            except BadSettings as error:
                return answer({"error": str(error)}, 400)
            plan.rates, plan.latency_ms, plan.hold, plan.ws = parsed.rates, parsed.latency_ms, parsed.hold, parsed.ws
            plan.bad_rows = parsed.bad_rows
        shown = {"rates": plan.rates, "ws": plan.ws, "bad_rows": plan.bad_rows}
        return answer({**shown, "latency_ms": plan.latency_ms, "hold": plan.hold})

    async def log(request: Request) -> Response:
        if request.method == "POST":
            counts.clear()
        return answer(dict(sorted(counts.items())))

    return [
        Route("/__sandbox__/health", health),
        Route("/__sandbox__/advance", advance, methods=["POST"]),
        Route("/__sandbox__/faults", faults, methods=["GET", "POST"]),
        Route("/__sandbox__/counts", log, methods=["GET", "POST"]),
    ]


def _state(universe: Universe | RecordedUniverse, clock: SandboxClock) -> dict[str, Any]:
    return {"status": "ok", "now": clock.at().isoformat(), "ends_at": universe.ends_at.isoformat()}


def recording_routes(universe: RecordedUniverse) -> list[Route]:
    """GET recording: the number of files read, and the objects that are not served as their venue would."""

    async def recording(_: Request) -> Response:
        return answer({"files": universe.files, "left_out": unserved(universe)})

    return [Route("/__sandbox__/recording", recording)]


def book_routes(world: World) -> list[Route]:
    """GET book?instrument=<venue>:<id>[&at_us=<not after now>]: the true book, for comparison in tests."""

    async def book(request: Request) -> Response:
        query, now = request.query_params, world.clock.us
        instrument = world.find(query.get("instrument", ""))
        at = query.get("at_us", str(now))
        if instrument is None:
            return answer({"error": "no such instrument; expected <venue>:<native id>"}, 404)
        if not at.isdigit() or int(at) > now:
            return answer({"error": f"at_us: expected microseconds up to now, {now}"}, 400)
        return answer(world.book(*instrument, int(at)))

    return [Route("/__sandbox__/book", book)]
