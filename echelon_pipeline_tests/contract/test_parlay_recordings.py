"""Every recorded combo becomes a parlay with its legs, its quote against its legs' of the same moment."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from functools import cache
from typing import Any

from echelon_pipeline.venues.kalshi.parse import KINDS
from echelon_pipeline_tests.fakes import needs_recordings, parse_payloads, recorded
from echelon_pipeline_tests.marts import computed
from echelon_pipeline_tests.parlay_rows import legs_of, values_of
from echelon_pipeline_tests.rows import Row

pytestmark = needs_recordings

# Counted in the recordings. In January 2026 no market of a leg was recorded with its combos.
COMBOS, LEGS, ABOVE = 17, 62, 3
KNOWN = {True: 32, False: 30}
PRODUCTS = {None: 11, "leg_not_held": 5, "same_game": 1}

TABLES = ("core.instruments", "core.instrument_quotes", "core.resolutions")


@cache
def _given() -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]], dict[str, list[Row]]]:
    """Combos and leg markets as served, and their rows."""
    priced = recorded("kalshi/mve/cockpit_combo_priced_markets.json")
    listed = recorded("kalshi/rest/golden_markets_list_response.json")["response"]["markets"]
    single = recorded("kalshi/rest/golden_market_single_response.json")["response"]["market"]
    older = {m["ticker"]: m for m in [*listed, single] if m.get("mve_collection_ticker")}
    combos = [*priced["combos"], *older.values()]
    rows = parse_payloads(KINDS["markets"], [*combos, *priced["legs"].values()]).rows
    return combos, priced["legs"], {name: rows[name] for name in TABLES}


def test_every_recorded_combo_is_a_parlay_with_the_legs_that_were_served() -> None:
    combos, _, given = _given()
    found = {r["native_id"]: r for r in computed("core.parlays", given)}
    assert set(found) == {c["ticker"] for c in combos}
    assert len(found) == COMBOS
    for combo in combos:
        row = found[combo["ticker"]]
        assert json.loads(row["definition"]) == combo["mve_selected_legs"]
        assert (row["legs_known"], row["leg_count"]) == (True, len(combo["mve_selected_legs"]))
        assert row["collection_id"] == combo["mve_collection_ticker"]
        assert row["display_name"].count(" + ") == min(row["leg_count"], 5) - 1


def test_legs_are_priced_on_their_side_where_their_market_was_recorded() -> None:
    combos, markets, given = _given()
    found = {(r["parlay_id"], r["leg_index"]): r for r in legs_of(given)}
    assert len(found) == sum(len(c["mve_selected_legs"]) for c in combos) == LEGS
    for combo in combos:
        for n, leg in enumerate(combo["mve_selected_legs"]):
            row = found[f"kalshi:{combo['ticker']}", n]
            market = markets.get(leg["market_ticker"])
            assert row["is_known"] is (market is not None)
            if market is not None:
                bid, ask = (market[f"{leg['side']}_{word}_dollars"] for word in ("bid", "ask"))
                assert (row["bid"], row["ask"]) == (Decimal(bid), Decimal(ask))
    assert Counter(r["is_known"] for r in found.values()) == KNOWN


def test_one_sided_combos_get_no_verdict_and_still_show_asks_above_their_cheapest_leg() -> None:
    combos, markets, given = _given()
    found = {r["instrument_id"].split(":", 1)[1]: r for r in values_of(given)}
    above = 0
    for combo in combos[: len(recorded("kalshi/mve/cockpit_combo_priced_markets.json")["combos"])]:
        row = found[combo["ticker"]]
        legs = [(markets[x["market_ticker"]], x["side"]) for x in combo["mve_selected_legs"]]
        cheapest = min(Decimal(m[f"{side}_ask_dollars"]) for m, side in legs)
        assert (row["verdict"], row["verdict_reason"]) == ("no_verdict", "one_sided")
        assert row["upper_bound"] == cheapest
        assert row["is_ask_above_upper"] is (Decimal(combo["yes_ask_dollars"]) > cheapest)
        above += row["is_ask_above_upper"]
    assert above == ABOVE
    assert Counter(r["product_reason"] for r in found.values()) == PRODUCTS
