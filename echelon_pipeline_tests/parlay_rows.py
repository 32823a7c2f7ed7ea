"""Combos, legs and quotes made by hand, and the way from them to values.

Belongs here: what the tests of the three tables of parlays share.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from echelon_pipeline_tests.marts import computed
from echelon_pipeline_tests.rows import NOON, Row, row

LEG_A = {"event_ticker": "E1", "market_ticker": "A", "side": "yes"}
LEG_B = {"event_ticker": "E2", "market_ticker": "B", "side": "no"}
NOBODY = "no price is known from then or before"


def leg(native: str, **values: Any) -> Row:
    """An ordinary instrument."""
    made = {"instrument_id": f"kalshi:{native}", "native_id": native, "market_type": "binary"}
    return row("core.instruments", **{**made, **values})


def combo(*legs: Mapping[str, Any], **values: Any) -> Row:
    """The combo C, created two hours before noon."""
    made = {
        "is_combo": True,
        "collection_id": "KXCITIES-R",
        "created_at": NOON - timedelta(hours=2),
        "external_ref": json.dumps({"legs": legs}),
    }
    return leg("C", **{**made, **values})


def quote(native: str, bid: str | None, ask: str | None, at: datetime = NOON, **values: Any) -> Row:
    """What a poll saw."""
    sides = {"best_bid": bid, "best_ask": ask}
    prices = {name: None if text is None else Decimal(text) for name, text in sides.items()}
    made = {"instrument_id": f"kalshi:{native}", "observed_at": at, "date": at.date(), **prices}
    return row("core.instrument_quotes", **{**made, **values})


def legs_of(given: Mapping[str, Iterable[Row]]) -> list[Row]:
    """Rows of core.parlay_legs from rows of the other tables."""
    return computed("core.parlay_legs", {**given, "core.parlays": computed("core.parlays", given)})


def values_of(given: Mapping[str, Iterable[Row]]) -> list[Row]:
    """Rows of mart.parlay_values from rows of the other tables."""
    parlays = computed("core.parlays", given)
    legs = computed("core.parlay_legs", {**given, "core.parlays": parlays})
    return computed("mart.parlay_values", {"core.parlays": parlays, "core.parlay_legs": legs})
