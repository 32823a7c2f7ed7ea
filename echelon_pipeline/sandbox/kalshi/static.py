"""Kalshi endpoints whose answers hardly depend on the universe: exchange, schedule, costs, search, empty lists.

Belongs here: small fixed bodies (reference: Kalshi REST 3.1, 3.2, 3.9, 8).
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from echelon_pipeline.sandbox.server.clock import SandboxClock
from echelon_pipeline.sandbox.server.wire import iso
from echelon_pipeline.sandbox.universe.catalog import FAMILIES

Obj = dict[str, Any]
_ALL_DAY = [{"open_time": "00:00", "close_time": "00:00"}]
_THURSDAY = [{"open_time": "00:00", "close_time": "03:00"}, {"open_time": "05:00", "close_time": "00:00"}]


def series_fee_changes(_: Request) -> Obj:
    return {
        "series_fee_change_arr": [
            {
                "id": "b4a1c1b0-0000-4000-a000-000000000001",
                "series_ticker": "KXINXU",
                "fee_type": "quadratic",
                "fee_multiplier": 0.5,
                "scheduled_ts": "2026-07-07T04:00:00Z",
            }
        ]
    }


def event_fee_changes(_: Request) -> Obj:
    return {"event_fee_changes": [], "cursor": ""}


def _status(_: Request) -> Obj:
    shards = ("Default", "Combos", "Crypto", "Tennis & Baseball")
    running = {"exchange_active": True, "trading_active": True, "intra_exchange_transfers_active": True}
    indexes = [{"exchange_index": n, "description": name, **running} for n, name in enumerate(shards)]
    return {**running, "exchange_index_statuses": indexes}


def _schedule(_: Request) -> Obj:
    days = dict.fromkeys(("monday", "tuesday", "wednesday", "friday", "saturday", "sunday"), _ALL_DAY)
    hours = {"start_time": "2024-12-01T00:00:00Z", "end_time": "2200-12-01T00:00:00Z", "thursday": _THURSDAY, **days}
    return {"schedule": {"standard_hours": [hours], "maintenance_windows": []}}


def _costs(_: Request) -> Obj:
    return {"default_cost": 10, "endpoint_costs": []}


def _tags(_: Request) -> Obj:
    tags_of: dict[str, list[str] | None] = {}
    for family in FAMILIES:
        tags = sorted({*(tags_of.get(family.category) or ()), *family.tags})
        tags_of[family.category] = tags or None
    return {"tags_by_categories": tags_of}


def _sports(_: Request) -> Obj:
    competitions = {about: {"scopes": ["Games"]} for f in FAMILIES if f.name == "game" for _, about in f.subjects}
    return {
        "filters_by_sports": {"All sports": {"scopes": ["Games"], "competitions": competitions}},
        "sport_ordering": ["All sports"],
    }


def routes(clock: SandboxClock) -> dict[str, Any]:
    """Handlers by path."""

    def as_of(_: Request) -> Obj:
        return {"as_of_time": iso(clock.s)}

    return {
        "/exchange/status": _status,
        "/exchange/schedule": _schedule,
        "/exchange/user_data_timestamp": as_of,
        "/account/endpoint_costs": _costs,
        "/search/tags_by_categories": _tags,
        "/search/filters_by_sport": _sports,
        "/milestones": lambda _: {"milestones": [], "cursor": ""},
        "/structured_targets": lambda _: {"structured_targets": [], "cursor": ""},
        "/incentive_programs": lambda _: {"incentive_programs": [], "next_cursor": ""},
    }
