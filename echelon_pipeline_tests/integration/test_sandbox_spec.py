"""Every Kalshi answer of the sandbox fits Kalshi's published OpenAPI, except for the deviations listed here."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline_tests.clients.local import KALSHI, Local, universe

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "kalshi" / "openapi.yaml"
pytestmark = pytest.mark.skipif(
    not SPEC.is_file(), reason="Kalshi's OpenAPI (../shared/specs) is not beside this checkout"
)

# Statements of the published file (3.25.0) that newer versions dropped (reference: Kalshi REST 2.1, 3.2).
NEWER = {
    "FeeType": "quadratic_with_combo_maker_fees joined later, so the list is open",
    "GetTagsForSeriesCategoriesResponse": "categories without tags have null (served so in January and August 2026)",
}


@cache
def spec() -> dict[str, Any]:
    """The specification as JSON Schema: ``nullable`` becomes a type of its own."""
    loaded: dict[str, Any] = yaml.load(SPEC.read_text(), Loader=yaml.CSafeLoader)
    assert loaded["info"]["version"] == "3.25.0", "another version: look at the exceptions again"
    schemas = loaded["components"]["schemas"]
    schemas["FeeType"].pop("enum")
    schemas["GetTagsForSeriesCategoriesResponse"]["properties"]["tags_by_categories"]["additionalProperties"][
        "nullable"
    ] = True
    assert set(NEWER) <= schemas.keys()
    _nullable(loaded)
    return loaded


def _nullable(node: object) -> None:
    if isinstance(node, dict):
        if node.pop("nullable", False):
            if "type" in node:
                node["type"] = [node["type"], "null"]
            elif "allOf" in node:
                node["anyOf"] = [{"allOf": node.pop("allOf")}, {"type": "null"}]
        for value in node.values():
            _nullable(value)
    elif isinstance(node, list):
        for value in node:
            _nullable(value)


def check(template: str, status: int, body: object) -> None:
    """Fails with the path of the first member that does not fit."""
    responses = spec()["paths"][template]["get"]["responses"]
    described = responses[str(status)]
    if "$ref" in described:
        described = spec()["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
    if "content" not in described:  # a status without a described body
        return
    schema = described["content"]["application/json"]["schema"]
    validator = jsonschema.Draft4Validator(
        {**schema, "components": spec()["components"]}, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER
    )
    errors = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]
    assert not errors, f"{template}: {errors[:5]}"


@pytest.fixture(scope="module")
def sandbox() -> Local:
    return Local(universe())


def _paths(sandbox: Local) -> list[tuple[str, str]]:
    """(path of the specification, request) of every public endpoint."""
    now = sandbox.clock.s
    market = sandbox.get(f"{KALSHI}/markets", status="open", mve_filter="exclude")["markets"][0]
    archived = sandbox.get(f"{KALSHI}/historical/markets")["markets"][0]["ticker"]
    event = market["event_ticker"]
    series = sandbox.get(f"{KALSHI}/events/{event}")["event"]["series_ticker"]
    ticker, window = market["ticker"], f"start_ts={now - 3 * DAY}&end_ts={now}&period_interval=60"
    return [
        ("/exchange/status", "/exchange/status"),
        ("/exchange/schedule", "/exchange/schedule"),
        ("/exchange/user_data_timestamp", "/exchange/user_data_timestamp"),
        ("/series", "/series?include_volume=true"),
        ("/series/{series_ticker}", f"/series/{series}"),
        ("/series/fee_changes", "/series/fee_changes"),
        ("/events", "/events?with_nested_markets=true&limit=200"),
        ("/events", "/events?with_milestones=true&status=settled"),
        ("/events/{event_ticker}", f"/events/{event}"),
        ("/events/{event_ticker}", f"/events/{event}?with_nested_markets=true"),
        ("/events/{event_ticker}/metadata", f"/events/{event}/metadata"),
        ("/events/multivariate", "/events/multivariate?with_nested_markets=true"),
        ("/events/fee_changes", "/events/fee_changes"),
        ("/markets", "/markets?limit=1000"),
        ("/markets", "/markets?mve_filter=only&limit=1000"),
        ("/markets/{ticker}", f"/markets/{ticker}"),
        ("/markets/{ticker}/orderbook", f"/markets/{ticker}/orderbook?depth=5"),
        ("/markets/orderbooks", f"/markets/orderbooks?tickers={ticker}"),
        ("/markets/trades", "/markets/trades?limit=1000"),
        ("/markets/candlesticks", f"/markets/candlesticks?market_tickers={ticker}&{window}"),
        (
            "/series/{series_ticker}/markets/{ticker}/candlesticks",
            f"/series/{series}/markets/{ticker}/candlesticks?{window}",
        ),
        (
            "/series/{series_ticker}/events/{ticker}/candlesticks",
            f"/series/{series}/events/{event}/candlesticks?{window}",
        ),
        ("/historical/cutoff", "/historical/cutoff"),
        ("/historical/markets", "/historical/markets?limit=1000"),
        ("/historical/markets/{ticker}", f"/historical/markets/{archived}"),
        (
            "/historical/markets/{ticker}/candlesticks",
            f"/historical/markets/{archived}/candlesticks?start_ts=1000000000&end_ts={now}&period_interval=1440",
        ),
        ("/historical/trades", "/historical/trades?limit=1000"),
        ("/multivariate_event_collections", "/multivariate_event_collections"),
        ("/multivariate_event_collections/{collection_ticker}", "/multivariate_event_collections/KXMVECROSSCATEGORY-R"),
        ("/milestones", "/milestones?limit=10"),
        ("/structured_targets", "/structured_targets"),
        ("/incentive_programs", "/incentive_programs"),
        ("/search/tags_by_categories", "/search/tags_by_categories"),
        ("/search/filters_by_sport", "/search/filters_by_sport"),
        ("/account/endpoint_costs", "/account/endpoint_costs"),
    ]


def test_every_answer_fits_the_specification(sandbox: Local) -> None:
    for template, request in _paths(sandbox):
        answer = sandbox.ask("GET", KALSHI + request)
        assert answer.status_code == 200, f"{request}: {answer.text[:200]}"
        check(template, 200, answer.json())


def test_every_refusal_fits_the_specification(sandbox: Local) -> None:
    for template, request, status in (
        ("/markets/{ticker}", "/markets/NOPE", 404),
        ("/events/{event_ticker}", "/events/NOPE", 404),
        ("/markets", "/markets?limit=5000", 400),
        ("/markets", "/markets?min_close_ts=1&min_created_ts=1", 400),
        ("/events", "/events?limit=500", 400),
    ):
        answer = sandbox.ask("GET", KALSHI + request)
        assert answer.status_code == status
        check(template, status, answer.json())


def test_the_sandbox_serves_every_public_path_that_it_lists(sandbox: Local) -> None:
    templates = {template for template, _ in _paths(sandbox)}
    public = {"/exchange", "/series", "/events", "/markets", "/historical", "/multivariate"}
    missing = {
        path
        for path, operations in spec()["paths"].items()
        if "get" in operations
        and any(path.startswith(start) for start in public)
        and not operations["get"].get("security")
        and path not in templates
    }
    assert missing == set()


def test_the_specification_refuses_wrong_objects(sandbox: Local) -> None:
    body = sandbox.get(f"{KALSHI}/markets", limit=1)
    body["markets"][0]["yes_bid_dollars"] = 42
    with pytest.raises(AssertionError, match="yes_bid_dollars"):
        check("/markets", 200, body)
