"""Behaviour of the venues that clients must handle: caps, ignored parameters, error bodies, faults, limits."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.sandbox.__main__ import parse
from echelon_pipeline.sandbox.faults.faults import NAMES, WS_NAMES, FaultPlan
from echelon_pipeline.sandbox.polymarket.builders import CODES, DEMO_BUILDER_CODE
from echelon_pipeline.sandbox.server.limits import RULES, Bucket
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess, arguments
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline_tests.clients.local import KALSHI, Local, universe


@pytest.fixture
def sandbox() -> Local:
    return Local(universe())


def _tokens(market: dict[str, Any]) -> list[str]:
    found: list[str] = market.get("positionIds") or json.loads(market["clobTokenIds"])
    return found


@pytest.fixture
def market(sandbox: Local) -> dict[str, Any]:
    """An open Polymarket market with a book and trades."""
    found = sandbox.get("/gamma/markets/keyset", closed="false", order="volumeNum", ascending="false", limit=50)
    picked: dict[str, Any] = next(m for m in found["markets"] if m["acceptingOrders"])
    return picked


def test_gamma_ignores_cursors_under_a_wrong_name(sandbox: Local) -> None:
    first = sandbox.get("/gamma/markets/keyset", limit=10)
    wrong = sandbox.get("/gamma/markets/keyset", limit=10, cursor=first["next_cursor"])
    right = sandbox.get("/gamma/markets/keyset", limit=10, after_cursor=first["next_cursor"])
    assert wrong["markets"] == first["markets"]
    assert {m["id"] for m in right["markets"]}.isdisjoint(m["id"] for m in first["markets"])


def test_gamma_clamps_pages_and_ends_without_a_cursor(sandbox: Local) -> None:
    assert len(sandbox.get("/gamma/markets/keyset", limit=500)["markets"]) == 100
    assert len(sandbox.get("/gamma/markets/keyset")["markets"]) == 20
    assert "next_cursor" not in sandbox.get("/gamma/markets/keyset", id="500000")


def test_gamma_refuses_deep_offsets_and_unknown_orders(sandbox: Local) -> None:
    assert sandbox.refusal("/gamma/markets?offset=2001")[0] == 422
    assert sandbox.refusal("/gamma/events?offset=2001")[1]["type"] == "validation error"
    assert sandbox.refusal("/gamma/markets?order=volume_num") == (
        422,
        {"type": "validation error", "error": "order fields are not valid"},
    )
    assert sandbox.refusal("/gamma/markets/keyset?offset=1")[0] == 422
    assert sandbox.refusal("/gamma/markets/1")[0] == 404
    assert sandbox.ask("GET", "/gamma/markets?limit=1").headers["deprecation"] == "true"


def test_gamma_orders_by_traded_dollars(sandbox: Local) -> None:
    found = sandbox.get("/gamma/markets/keyset", order="volume24hr", ascending="false", limit=100)["markets"]
    volumes = [m["volume24hr"] for m in found]
    assert volumes == sorted(volumes, reverse=True)
    assert volumes[0] > 0


def test_gamma_finds_closed_markets_by_slug_only_with_closed_true(sandbox: Local) -> None:
    closed = sandbox.get("/gamma/markets/keyset", closed="true", limit=1)["markets"][0]
    assert sandbox.get("/gamma/markets", slug=closed["slug"]) == []
    assert [m["id"] for m in sandbox.get("/gamma/markets", slug=closed["slug"], closed="true")] == [closed["id"]]
    assert sandbox.get(f"/gamma/markets/slug/{closed['slug']}")["id"] == closed["id"]
    assert sandbox.get("/gamma/markets", condition_ids=closed["conditionId"])[0]["id"] == closed["id"]


def test_price_histories_reach_fifteen_days_and_end_now(sandbox: Local, market: dict[str, Any]) -> None:
    token, now = _tokens(market)[0], sandbox.clock.s
    path = f"/clob/prices-history?market={token}"
    status, body = sandbox.refusal(f"{path}&startTs={now - 15 * DAY - 1}&endTs={now}&fidelity=60")
    assert (status, body["error"]) == (400, "invalid filters: 'startTs' and 'endTs' interval is too long")
    assert sandbox.refusal(f"{path}&endTs={now}")[0] == 400
    assert "minimum 'fidelity' for '1m' range is 10" in sandbox.refusal(f"{path}&interval=1m")[1]["error"]
    points = sandbox.get(f"{path}&startTs={now - 2 * 3600}&endTs={now - 3600}&fidelity=10")["history"]
    assert points[-1]["t"] == now
    assert all(now - 2 * 3600 <= point["t"] <= now - 3600 for point in points[:-1])
    assert float(sandbox.get(f"/clob/midpoint?token_id={token}")["mid"]) == points[-1]["p"]
    other = sandbox.get(f"/clob/prices-history?market={_tokens(market)[1]}&interval=1h")["history"]
    assert [round(1 - p["p"], 6) for p in other] == [
        round(p["p"], 6) for p in sandbox.get(f"{path}&interval=1h")["history"]
    ]


def test_resolved_markets_have_no_history_by_interval_but_one_by_window(sandbox: Local) -> None:
    closed = sandbox.get("/gamma/markets/keyset", closed="true", order="volumeNum", ascending="false", limit=100)[
        "markets"
    ]
    path = f"/clob/prices-history?market={_tokens(closed[0])[0]}"
    end = sandbox.get(f"/clob/markets/{closed[0]['conditionId']}")
    assert end["closed"]
    assert sandbox.get(f"{path}&interval=max")["history"] == []
    batch = sandbox.post("/clob/batch-prices-history", {"markets": _tokens(closed[0]), "interval": "1d"})
    assert set(batch["history"]) == set(_tokens(closed[0]))


def test_clob_listings_end_with_a_marker_that_is_refused_as_a_cursor(sandbox: Local) -> None:
    page = sandbox.get("/clob/markets")
    assert page["next_cursor"] == "LTE="
    assert page["count"] == len(page["data"])
    assert sandbox.refusal("/clob/markets?next_cursor=LTE=")[1] == {
        "error": "next item should be greater than or equal to 0"
    }
    assert sandbox.get("/clob/markets", next_cursor="not base64!")["data"] == page["data"]


def test_clob_batches_need_post(sandbox: Local, market: dict[str, Any]) -> None:
    tokens = _tokens(market)
    assert sandbox.refusal(f"/clob/books?token_ids={tokens[0]}") == (400, {"error": "Invalid payload"})
    assert sandbox.refusal("/clob/book?token_id=12345") == (
        404,
        {"error": "No orderbook exists for the requested token id"},
    )
    asked = [{"token_id": t} for t in (*tokens, "12345")]
    assert [b["asset_id"] for b in sandbox.post("/clob/books", asked)] == tokens
    assert set(sandbox.post("/clob/prices", asked)[tokens[0]]) == {"SELL"}
    assert sandbox.ask("POST", "/clob/books", body=asked * 200).status_code == 400


def test_data_v2_refuses_offsets_large_pages_and_double_filters(sandbox: Local, market: dict[str, Any]) -> None:
    for query, parameter in (
        ("offset=5", "offset"),
        ("limit=1001", "limit"),
        (f"condition={market['conditionId']}&event_id=20000", "condition"),
        ("cursor=nonsense", "cursor"),
    ):
        status, body = sandbox.refusal(f"/data/v2/trades?{query}")
        assert (status, body["code"], body["parameter"]) == (400, "invalid_request", parameter)


def test_data_v2_feeds_reach_their_fixed_windows(sandbox: Local, market: dict[str, Any]) -> None:
    bare = _feed(sandbox, "/data/v2/trades?limit=1000")
    assert min(t["timestamp"] for t in bare) >= 1790812800  # 1 October: the month before
    assert max(t["timestamp"] for t in bare) <= sandbox.clock.s
    one = _feed(sandbox, f"/data/v2/trades?limit=1000&condition={market['conditionId']}&start=1")
    assert {t["condition_id"] for t in one} == {market["conditionId"]}
    assert [t["timestamp"] for t in one] == sorted((t["timestamp"] for t in one), reverse=True)
    cash = sum(t["size"] * (t["price"] if t["outcome_index"] == 0 else 1 - t["price"]) for t in one)
    assert abs(cash - market["volumeNum"]) < market["volumeNum"] * 1e-4


def _feed(sandbox: Local, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        body = sandbox.get(path + (f"&cursor={cursor}" if cursor else ""))
        found += body["data"]
        if not body["pagination"]["has_more"]:
            return found
        cursor = body["pagination"]["next_cursor"]


def test_data_v1_uses_camel_case_and_caps_its_offset(sandbox: Local) -> None:
    rows = sandbox.get("/data/trades", limit=3)
    assert {"proxyWallet", "conditionId", "asset", "transactionHash", "outcomeIndex"} <= rows[0].keys()
    status, body = sandbox.refusal("/data/trades?offset=3001")
    assert (status, list(body)) == (400, ["error"])


def test_builder_trades_page_by_300_and_add_up_to_the_leaderboard(sandbox: Local) -> None:
    found, cursor = [], ""
    while cursor != "LTE=":
        page = sandbox.get("/clob/builder/trades", builder_code=DEMO_BUILDER_CODE, next_cursor=cursor)
        assert page["count"] == len(page["data"]) <= page["limit"] == 300
        found += page["data"]
        cursor = page["next_cursor"]
    assert len({row["id"] for row in found}) == len(found) > 0
    assert {row["builderCode"] for row in found} == {DEMO_BUILDER_CODE}
    assert {row["builder"] for row in found} == {""}
    board = sandbox.get("/data/v2/builders/leaderboard", time_period="all")["data"]
    mine = next(row for row in board if row["builder_code"] == DEMO_BUILDER_CODE)
    assert abs(sum(float(row["size"]) for row in found) - mine["volume"]) < 1e-3
    assert sandbox.get(f"/clob/fees/builder-fees/{CODES[0]}") == {
        "builder_maker_fee_rate_bps": 0,
        "builder_taker_fee_rate_bps": 25,
    }
    assert sandbox.refusal(f"/clob/fees/builder-fees/0x{'9' * 64}")[0] == 404


def test_kalshi_refuses_floats_large_pages_and_mixed_filters(sandbox: Local) -> None:
    assert (
        "Invalid format for parameter min_close_ts" in sandbox.refusal(f"{KALSHI}/markets?min_close_ts=1.7e9")[1]["msg"]
    )
    for query in (
        "limit=1001",
        "status=open&min_close_ts=1",
        "status=settled&min_created_ts=1",
        "min_updated_ts=1&series_ticker=KXBTCD",
        "status=nonsense",
        "cursor=nonsense",
    ):
        assert sandbox.refusal(f"{KALSHI}/markets?{query}")[0] == 400
    many = "&".join(f"tickers=A{n}" for n in range(101))
    assert sandbox.refusal(f"{KALSHI}/markets/orderbooks?{many}")[0] == 400


@pytest.mark.parametrize("status", ["unopened", "open", "paused", "closed", "settled"])
def test_kalshis_status_filter_selects_the_listed_status(sandbox: Local, status: str) -> None:
    expected = {
        "unopened": {"initialized"},
        "open": {"active"},
        "paused": {"inactive"},
        "closed": {"closed", "determined", "disputed", "amended"},
        "settled": {"finalized"},
    }
    found = sandbox.pages(f"{KALSHI}/markets", "markets", status=status, limit=1000)
    assert {m["status"] for m in found} <= expected[status]
    everything = sandbox.pages(f"{KALSHI}/markets", "markets", limit=1000)
    assert sum(m["status"] in expected[status] for m in everything) == len(found)


def test_kalshi_tiers_split_at_the_cutoff_without_overlap(sandbox: Local) -> None:
    cutoff = sandbox.get(f"{KALSHI}/historical/cutoff")["trades_created_ts"]
    live = sandbox.pages(f"{KALSHI}/markets/trades", "trades", limit=1000)
    old = sandbox.pages(f"{KALSHI}/historical/trades", "trades", limit=1000)
    assert min(t["created_time"] for t in live) >= cutoff > max(t["created_time"] for t in old)
    archived = sandbox.get(f"{KALSHI}/historical/markets")["markets"][0]
    assert archived["settlement_ts"] < cutoff
    assert sandbox.refusal(f"{KALSHI}/markets/{archived['ticker']}")[0] == 404
    assert sandbox.get(f"{KALSHI}/historical/markets/{archived['ticker']}")["market"] == archived


def test_block_trades_can_be_listed_alone(sandbox: Local) -> None:
    everything = sandbox.pages(f"{KALSHI}/markets/trades", "trades", limit=1000)
    blocks = sandbox.pages(f"{KALSHI}/markets/trades", "trades", limit=1000, is_block_trade="true")
    rest = sandbox.pages(f"{KALSHI}/markets/trades", "trades", limit=1000, is_block_trade="false")
    assert blocks == [t for t in everything if t["is_block_trade"]]
    assert rest == [t for t in everything if not t["is_block_trade"]]
    assert blocks


def test_unknown_paths_answer_404(sandbox: Local) -> None:
    status, body = sandbox.refusal("/data/v2/biggest-winners")
    assert (status, body["error"]["code"]) == (404, "not_available")


@pytest.mark.parametrize(
    ("fault", "path", "status"),
    [
        ("429", f"{KALSHI}/markets", 429),
        ("500", f"{KALSHI}/markets", 500),
        ("503", "/gamma/markets/keyset", 503),
        ("429", "/data/v2/trades", 429),
    ],
)
def test_a_header_injects_a_fault_into_one_request(sandbox: Local, fault: str, path: str, status: int) -> None:
    answer = sandbox.ask("GET", path, headers={"x-sandbox-fault": fault})
    assert answer.status_code == status
    assert "retry-after" not in answer.headers
    assert sandbox.ask("GET", path).status_code == 200


def test_a_timeout_delays_one_request_and_latency_delays_every_request(sandbox: Local) -> None:
    sandbox.post("/__sandbox__/faults", {"faults": ["hold=0.02", "latency=10"]})
    started = time.monotonic()
    answer = sandbox.ask("GET", f"{KALSHI}/series", headers={"x-sandbox-fault": "timeout"})
    assert answer.status_code == 504
    assert time.monotonic() - started >= 0.03


def test_damaged_bodies_are_not_json(sandbox: Local) -> None:
    for fault in ("truncate", "malformed"):
        answer = sandbox.ask("GET", f"{KALSHI}/series", headers={"x-sandbox-fault": fault})
        assert answer.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            answer.json()


def test_a_repeated_cursor_points_to_the_page_just_served(sandbox: Local) -> None:
    header = {"x-sandbox-fault": "repeat_cursor"}
    first = sandbox.get(f"{KALSHI}/markets", limit=5)["cursor"]
    assert sandbox.ask("GET", f"{KALSHI}/markets?limit=5&cursor={first}", headers=header).json()["cursor"] == first
    following = sandbox.get("/data/v2/trades", limit=5)["pagination"]["next_cursor"]
    body = sandbox.ask("GET", f"/data/v2/trades?limit=5&cursor={following}", headers=header).json()
    assert body["pagination"]["next_cursor"] == following


def test_a_stale_first_page_is_five_minutes_old(sandbox: Local) -> None:
    sandbox.clock.advance(3600)
    header = {"x-sandbox-fault": "stale_page"}
    stale = sandbox.ask("GET", "/data/v2/trades?limit=200", headers=header).json()["data"]
    fresh = sandbox.get("/data/v2/trades", limit=200)["data"]
    assert stale[0]["timestamp"] <= sandbox.clock.s - 300
    assert set(map(str, stale)) & set(map(str, fresh))


def test_faults_hit_at_their_rate_and_the_same_requests_in_every_run() -> None:
    plan = FaultPlan.parse(["429=0.1", "500=0.05"], seed=3)
    drawn = [plan.draw(n) for n in range(4000)]
    assert drawn == [FaultPlan.parse(["429=0.1", "500=0.05"], seed=3).draw(n) for n in range(4000)]
    assert 300 < drawn.count("429") < 500
    assert 130 < drawn.count("500") < 270
    assert drawn != [FaultPlan.parse(["429=0.1", "500=0.05"], seed=4).draw(n) for n in range(4000)]


def test_unknown_faults_are_refused() -> None:
    for text in ("teapot=0.5", "429=2", "500=often"):
        with pytest.raises(BadSettings, match=text.split("=", maxsplit=1)[0]):
            FaultPlan.parse([text])


def test_faults_can_be_changed_at_run_time(sandbox: Local) -> None:
    sandbox.post("/__sandbox__/faults", {"faults": ["500"]})
    assert sandbox.ask("GET", f"{KALSHI}/series").status_code == 500
    assert sandbox.ask("GET", "/__sandbox__/health").status_code == 200
    sandbox.post("/__sandbox__/faults", {"faults": []})
    assert sandbox.ask("GET", f"{KALSHI}/series").status_code == 200
    assert sandbox.get("/__sandbox__/counts")["500 /trade-api/v2/series"] == 1


def test_a_bucket_refuses_requests_above_its_rate_and_refills() -> None:
    now = [0.0]
    bucket = Bucket(20, 1.0, lambda: now[0])
    assert [bucket.take() for _ in range(21)] == [True] * 20 + [False]
    now[0] = 0.5
    assert [bucket.take() for _ in range(11)] == [True] * 10 + [False]
    assert all(most > 0 and seconds > 0 for _, most, seconds in RULES)


def test_options_survive_the_command_line() -> None:
    options = SandboxOptions(
        events=5,
        instruments=30,
        trades=100,
        seed=9,
        faults=("429=0.1", "latency=5", "ws_drop=0.1"),
        limits="real",
        book_ms=250,
        kalshi_key=Path("key.pem"),
        capture=Path("stream.jsonl.gz"),
        capture_numbers="recorded",
    )
    assert parse(arguments(options)) == options


def test_the_manual_names_every_option_and_every_fault() -> None:
    manual = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    given = arguments(SandboxOptions(recordings=Path(), kalshi_key=Path(), capture=Path(), faults=("500",)))
    options = {text.partition("=")[0] for text in given} - {"--host", "--port"}
    faults = {*NAMES, *(f"ws_{name}" for name in WS_NAMES)}
    assert {name for name in options | faults if f"`{name}" not in manual} == set()


def test_a_process_with_real_limits_answers_429_above_them() -> None:
    import httpx

    with SandboxProcess(events=10, instruments=40, trades=200, days=5, limits="real") as process:
        assert "ECHELON_RATE_SCALE" not in process.env()
        with httpx.Client(base_url=process.base_url) as client:
            codes = [client.get(f"{KALSHI}/exchange/status").status_code for _ in range(60)]
            assert codes[:20] == [200] * 20
            refused = client.get(f"{KALSHI}/exchange/status")
            while refused.status_code != 429:
                refused = client.get(f"{KALSHI}/exchange/status")
            assert refused.json() == {"error": "too many requests"}
