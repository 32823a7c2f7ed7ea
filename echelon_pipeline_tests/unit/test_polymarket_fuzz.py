"""Payloads mutated at random: nothing crashes, every object is a row or a dead letter, no rule breaks.

``parse_pages`` holds the rest: every object is judged once, every row keeps its table's rules and key.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.venues.page import RawObject
from echelon_pipeline.venues.polymarket.parse import KINDS
from echelon_pipeline_tests.polymarket_payloads import context, page, parse_pages
from echelon_pipeline_tests.unit.test_polymarket_markets_sql import CLOSED, clob, leg, market
from echelon_pipeline_tests.unit.test_polymarket_trades_sql import V1, trade

KNOWN = [("11", "polymarket:0xc", 0), ("12", "polymarket:0xc", 1), ("a", "polymarket:0xc", 0)]
NESTED = {"tags": [{"label": "x"}], "events": [{"id": "1", "series": [{"id": 1}]}], "feeSchedule": {"rate": 0.1}}
TEMPLATES: dict[str, Any] = {
    "markets": market(bestBid=0.1, umaResolutionStatuses='["proposed"]', version="v1", **CLOSED, **NESTED),
    "events": {
        "id": "7",
        "series": [{"id": "1"}],
        "tags": [{"label": "x"}],
        "negRisk": True,
        "startDate": "2026-01-01",
    },
    "series": {"id": "7", "title": "t", "recurrence": "daily", "tags": [{"label": "x"}]},
    "clob_markets": clob((True, False)),
    "trades": trade(),
    "trades_v1": {V1.get(k, k): v for k, v in trade().items()},
    "prices_history": {"history": [{"t": 1772323200, "p": 0.5}, {"t": 1772323201, "p": 1}]},
    "builder_trades": leg(),
    "builders_leaderboard": {
        "rank": 1,
        "builder_name": "A",
        "builder_code": "0xA",
        "volume": 12.5,
        "active_users": 3,
        "verified": True,
    },
    "resolutions": {"condition_id": "0xc", "status": "resolved", "payouts": [1000000, 0], "resolved_at": 1790000000},
}

numbers = st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False)
odd_texts = st.sampled_from(
    ["", "[", '["1"]', '["0.5","0.6"]', '{"a":1}', "null", "1e5", "-1", "2026-13-45", "Infinity"]
)
scalars = st.none() | st.booleans() | numbers | odd_texts | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a value, the whole included."""
    found = [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        found += places(member, (*path, key))
    return found


@st.composite
def mutants(draw: st.DrawFn, template: Any) -> Any:
    """The template with up to three places replaced or removed."""
    value = copy.deepcopy(template)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(value)))
        if not path:
            return draw(values)
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            parent[path[-1]] = draw(values)
        else:
            del parent[path[-1]]
    return value


contexts = st.sampled_from([None, "[]", "{}", '"x"', '{"tags":1,"series":{},"start_ts":"x"}']) | st.just(
    context(token_id="11", start_ts=1772323200, end_ts=1772409600, fidelity=60, tags=["a"], event_id="1")
)


@pytest.mark.parametrize("endpoint", sorted(KINDS))
@settings(max_examples=15)
@given(data=st.data())
def test_mutated_payloads_become_rows_or_dead_letters_and_break_no_rule(endpoint: str, data: st.DataObject) -> None:
    served = data.draw(st.lists(st.tuples(mutants(TEMPLATES[endpoint]), contexts), min_size=1, max_size=12))
    objects = [RawObject(json.dumps(value).encode(), None, said) for value, said in served]
    result = parse_pages(KINDS[endpoint], [page(endpoint, objects)], KNOWN)
    assert len(result.dead) <= len(objects)
    assert all(d["reason"] and d["path"].startswith("$") for d in result.dead)
    if endpoint in ("trades", "trades_v1"):  # equal rows of one page are prints of their own
        assert len(result.rows["core.trades"]) + len(result.dead) == len(objects)
