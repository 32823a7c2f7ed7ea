"""The builder programme's figures in the Data API, v1 and v2.

Belongs here: leaderboards and volumes by builder (reference: Polymarket 3.4). v2 volumes are in shares.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from echelon_pipeline.sandbox.polymarket.builders import CODES, NAMES, Builders
from echelon_pipeline.sandbox.polymarket.data_query import deny, envelope, page_size
from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import iso, number
from echelon_pipeline.sandbox.universe.catalog import DAY

Obj = dict[str, Any]
PERIODS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "all": 10_000 * DAY}


class BuilderFigures:
    """Handlers by path below /data; each takes a request and returns the body."""

    def __init__(self, builders: Builders, clock: SandboxClock) -> None:
        self.builders = builders
        self.clock = clock

    def routes(self) -> dict[str, Any]:
        """Handlers by path, in the order of matching."""
        return {
            "/v1/builders/leaderboard": self.v1_leaderboard,
            "/v1/builders/volume": self.v1_volume,
            "/v2/builders/leaderboard": self.leaderboard,
            "/v2/builders/volume": self.volume,
        }

    def _ranked(self, period: str) -> list[tuple[int, int, int, int]]:
        since = max(self.clock.s - PERIODS[period], 0)
        return sorted(self.builders.volumes(since, self.clock.us), key=lambda v: -v[1])

    def leaderboard(self, request: Request) -> Obj:
        period = request.query_params.get("time_period", "day")
        if period not in PERIODS:
            raise deny("unknown time_period", "time_period")
        ranked = enumerate(self._ranked(period))
        rows = [_standing(rank, b, shares, wallets) for rank, (b, shares, _, wallets) in ranked]
        size = page_size(request.query_params)
        return envelope(rows[:size], size, None)

    def volume(self, request: Request) -> Obj:
        query = request.query_params
        interval = query.get("interval", "day")
        if interval not in PERIODS:
            raise deny("unknown interval", "interval")
        size = min(page_size(query, 30), 90)
        by_day = self.builders.by_day(max(self.clock.s - size * DAY, 0), self.clock.us)
        rows = []
        for day in sorted({day for _, day in by_day}, reverse=True):
            ranked = sorted((b for b, d in by_day if d == day), key=lambda b: -by_day[b, day][0])
            for rank, b in enumerate(ranked):
                shares, wallets = by_day[b, day]
                rows.append(_standing(rank, b, shares, wallets) | {"date": iso(day * DAY)[:10]})
        return envelope(rows, size, None)

    def v1_leaderboard(self, request: Request) -> list[Obj]:
        query = request.query_params
        period = query.get("timePeriod", "DAY").lower()
        start, size = int(query.get("offset", 0)), min(int(query.get("limit", 25)), 50)
        rows = [
            {
                "rank": str(rank + 1),
                "builder": NAMES[b],
                "builderCode": CODES[b],
                "volume": number(cash, 10**6),
                "activeUsers": wallets,
                "verified": b < 3,
                "builderLogo": "",
            }
            for rank, (b, _, cash, wallets) in enumerate(self._ranked(period if period in PERIODS else "day"))
        ]
        return rows[start : start + size]

    def v1_volume(self, request: Request) -> list[Obj]:
        period = request.query_params.get("timePeriod", "DAY").lower()
        since = max(self.clock.s - PERIODS.get(period, DAY), 0)
        return [
            {
                "dt": iso(day * DAY),
                "builder": NAMES[b],
                "builderCode": CODES[b],
                "builderLogo": "",
                "verified": b < 3,
                "volume": number(shares, 10**6),
                "activeUsers": wallets,
                "rank": str(b + 1),
            }
            for (b, day), (shares, wallets) in sorted(self.builders.by_day(since, self.clock.us).items())
        ]


def _standing(rank: int, builder: int, shares: int, wallets: int) -> Obj:
    return {
        "rank": rank + 1,
        "builder_name": NAMES[builder],
        "builder_code": CODES[builder],
        "profile_image": "",
        "verified": builder < 3,
        "volume": number(shares, 10**6),
        "active_users": wallets,
    }
