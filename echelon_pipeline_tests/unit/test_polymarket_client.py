"""The client against a scripted server: paging, caps, windows, shapes and errors, without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.errors import BadRequest, PagingStuck, RateLimited, SchemaDrift
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.page import Page
from echelon_pipeline.venues.polymarket.client import PolymarketClient
from echelon_pipeline.venues.polymarket.clob import WINDOW, windows

T = TypeVar("T")
START = datetime(2026, 1, 10, 6, 30, tzinfo=UTC)


class Server:
    """Answers by a function of path and query; keeps what it was asked."""

    def __init__(self, answer: Callable[[str, dict[str, str]], Any]) -> None:
        self.asked: list[tuple[str, list[tuple[str, str]], Any]] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        pairs = parse_qsl(request.url.query.decode(), keep_blank_values=True)
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.url.path, pairs, body))
        answer = self._answer(request.url.path, dict(pairs))
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, content=answer if isinstance(answer, bytes) else json.dumps(answer).encode())


async def no_sleep(_seconds: float) -> None:
    return None


def run(server: Server, use: Callable[[PolymarketClient], AsyncIterator[Page]]) -> list[Page]:
    """Every page of one listing."""

    async def main() -> list[Page]:
        async with client(server) as opened:
            return [page async for page in use(opened)]

    return asyncio.run(main())


def client(server: Server, **values: Any) -> PolymarketClient:
    settings = Settings.model_validate({"rate_scale": 1e6, "http_retries": 1, **values})
    return PolymarketClient(settings, transport=httpx.MockTransport(server), sleep=no_sleep)


def keys(pages: list[Page]) -> list[str | None]:
    return [found.key for page in pages for found in page.objects]


def market(n: int) -> dict[str, Any]:
    return {"id": str(n), "conditionId": f"0x{n}", "price": 0.10}


def test_keyset_paging_sends_the_cursor_as_after_cursor_and_every_filter_again() -> None:
    def answer(_path: str, query: dict[str, str]) -> Any:
        after = query.get("after_cursor")
        return {"markets": [market(1 if after is None else 2)]} | ({"next_cursor": "MQ"} if after is None else {})

    server = Server(answer)
    pages = run(server, lambda c: c.gamma.markets(closed=True, order="volumeNum", ascending=False, volume_num_min=5))
    assert keys(pages) == ["0x1", "0x2"]
    first = [
        ("limit", "100"),
        ("closed", "true"),
        ("order", "volumeNum"),
        ("ascending", "false"),
        ("volume_num_min", "5"),
    ]
    assert [(path, query) for path, query, _ in server.asked] == [
        ("/markets/keyset", first),
        ("/markets/keyset", [*first, ("after_cursor", "MQ")]),
    ]
    assert [p.request for p in pages][1].endswith("&after_cursor=MQ")
    assert [p.number for p in pages] == [0, 1]


def test_objects_are_kept_byte_for_byte() -> None:
    served = b'{"markets":[ {"conditionId" : "0x1", "p":0.10, "t":"\\u00e9"} ,{"conditionId":"0x2","n":9e-6}]}'
    (page,) = run(Server(lambda _p, _q: served), lambda c: c.gamma.markets())
    assert [o.payload for o in page.objects] == [
        b'{"conditionId" : "0x1", "p":0.10, "t":"\\u00e9"}',
        b'{"conditionId":"0x2","n":9e-6}',
    ]


def test_a_server_that_ignores_the_cursor_stops_the_walk() -> None:
    cursors = iter(range(1000))
    server = Server(lambda _p, _q: {"markets": [market(1), market(2)], "next_cursor": f"fresh{next(cursors)}"})
    with pytest.raises(PagingStuck):
        run(server, lambda c: c.gamma.markets())


def test_a_server_that_ignores_the_cursor_is_found_even_where_prices_moved() -> None:
    ticks = iter(range(1000))

    def answer(_path: str, _query: dict[str, str]) -> Any:
        tick = next(ticks)
        return {"markets": [market(1) | {"price": tick}], "next_cursor": f"fresh{tick}"}

    with pytest.raises(PagingStuck, match="no new id"):
        run(Server(answer), lambda c: c.gamma.markets())


def test_more_than_100_condition_ids_are_asked_for_in_several_walks_as_repeated_keys() -> None:
    server = Server(lambda _p, q: {"markets": [market(int(q["condition_ids"][2:]))]})
    run(server, lambda c: c.gamma.markets(condition_ids=[f"0x{n}" for n in range(250)]))
    counts = [sum(name == "condition_ids" for name, _ in query) for _, query, _ in server.asked]
    assert counts == [100, 100, 50]


def test_events_give_their_markets_as_a_second_page_with_the_event_as_context() -> None:
    event = {
        "id": "7",
        "slug": "s",
        "negRisk": True,
        "series": [{"id": 35}],
        "tags": [{"label": "Fed"}, {"id": "1"}],
        "markets": [market(1), market(2)],
    }
    pages = run(Server(lambda _p, _q: {"events": [event, {"id": "8"}]}), lambda c: c.gamma.events())
    assert [(p.endpoint, len(p.objects), p.request, p.number) for p in pages] == [
        ("events", 2, "/events/keyset?limit=100", 0),
        ("markets", 2, "/events/keyset?limit=100", 0),
    ]
    assert json.loads(pages[0].objects[0].payload) == event
    assert [json.loads(o.payload) for o in pages[1].objects] == event["markets"]
    assert {o.context for o in pages[1].objects} == {
        '{"event_id":"7","event_slug":"s","series":["35"],"tags":["Fed"],"category":null,"neg_risk":true}'
    }


def test_offset_listings_end_with_an_empty_page_and_not_with_a_short_one() -> None:
    rows = [{"id": str(n)} for n in range(5)]
    server = Server(lambda _p, q: rows[int(q.get("offset", 0)) :][:2])
    pages = run(server, lambda c: c.gamma.series())
    assert keys(pages) == ["0", "1", "2", "3", "4"]
    assert [dict(query).get("offset") for _, query, _ in server.asked] == [None, "2", "4", "5"]
    assert {dict(query)["limit"] for _, query, _ in server.asked} == {"50"}


def envelope(rows: list[Any], following: str | None) -> dict[str, Any]:
    return {"data": rows, "pagination": {"limit": 1000, "has_more": following is not None, "next_cursor": following}}


def test_trades_follow_the_v2_envelope_and_always_state_their_filters() -> None:
    def answer(_path: str, query: dict[str, str]) -> Any:
        more = {None: "b", "b": None}[query.get("cursor")]
        return envelope([{"transaction_hash": f"0x{query.get('cursor', 'a')}", "condition_id": "0xC"}], more)

    server = Server(answer)
    assert keys(run(server, lambda c: c.data.trades(conditions=["0xc", "0xd"]))) == ["0xa", "0xb"]
    asked = [("condition", "0xc,0xd"), ("taker_only", "true"), ("filter_amount", "0"), ("limit", "1000")]
    assert [query for _, query, _ in server.asked] == [asked, [*asked, ("cursor", "b")]]
    assert server.asked[0][0] == "/v2/trades"


def test_an_interrupted_trade_walk_goes_on_at_its_cursor() -> None:
    server = Server(lambda _p, _q: envelope([{"transaction_hash": "0xa"}], None))
    run(server, lambda c: c.data.trades(cursor="kept"))
    assert dict(server.asked[0][1])["cursor"] == "kept"


def test_a_trade_filter_that_the_server_ignores_is_drift() -> None:
    server = Server(lambda _p, _q: envelope([{"transaction_hash": "0xa", "condition_id": "0xother"}], None))
    with pytest.raises(SchemaDrift, match="none of 1 trades"):
        run(server, lambda c: c.data.trades(conditions=["0xc"]))


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ([], r"/v2/trades: expected an object"),
        ({"pagination": {}}, r"\$\.data"),
        ({"data": {}, "pagination": {}}, r"\$\.data: expected an array"),
        ({"data": []}, r"\$\.pagination"),
        ({"data": [], "pagination": {"has_more": True, "next_cursor": None}}, "promises more"),
    ],
)
def test_a_wrong_envelope_is_drift_with_its_path(answer: Any, path: str) -> None:
    with pytest.raises(SchemaDrift, match=path):
        run(Server(lambda _p, _q: answer), lambda c: c.data.trades())


def test_more_than_20_conditions_of_trades_are_refused_before_asking() -> None:
    server = Server(lambda _p, _q: envelope([], None))
    with pytest.raises(BadRequest, match="at most 20"):
        run(server, lambda c: c.data.trades(conditions=[f"0x{n}" for n in range(21)]))
    assert server.asked == []


def test_resolutions_are_chunked_to_the_venues_cap() -> None:
    server = Server(lambda _p, _q: {"data": []})
    run(server, lambda c: c.data.resolutions([f"0x{n}" for n in range(45)]))
    sizes = [(path, len(next(iter(dict(query).values())).split(","))) for path, query, _ in server.asked]
    assert sizes == [("/v2/resolutions", n) for n in (20, 20, 5)]


def test_batch_prices_history_is_chained_in_windows_of_15_days_cut_at_midnights() -> None:
    server = Server(lambda _p, _q: b'{"history":{"77":[{"t":1,"p":0.50}]}}')
    end = START + timedelta(days=31)
    pages = run(server, lambda c: c.clob.batch_prices_history(["77"], START, end, fidelity=10, ended_at={"77": end}))
    spans = [(body["start_ts"], body["end_ts"]) for _, _, body in server.asked]
    assert [b - a for a, b in spans] == [15 * 86400 - 23400, 15 * 86400, 86400 + 2 * 23400 - 23400]
    assert spans[0][0] == START.timestamp()
    assert spans[-1][1] == end.timestamp()
    assert all(body["markets"] == ["77"] and body["fidelity"] == 10 for _, _, body in server.asked)
    assert pages[0].objects[0].payload == b'[{"t":1,"p":0.50}]'
    assert json.loads(pages[0].objects[0].context or "") == {
        "token_id": "77",
        "start_ts": spans[0][0],
        "end_ts": spans[0][1],
        "fidelity": 10,
        "source": "clob",
        "trading_ended_ts": int(end.timestamp()),
    }


@given(
    st.integers(0, 150_000_000).map(lambda s: datetime(2022, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
    st.timedeltas(timedelta(0), timedelta(days=200)),
)
def test_windows_cover_the_range_once_within_15_days_and_never_cut_a_day(start: datetime, length: timedelta) -> None:
    found = list(windows(start, start + length))
    assert [b for _, b in found[:-1]] == [a for a, _ in found[1:]]
    assert all(timedelta(0) < b - a <= WINDOW for a, b in found)
    assert all((a.hour, a.minute, a.second, a.microsecond) == (0, 0, 0, 0) for a, _ in found[1:])
    assert (found[0][0], found[-1][1]) == (start, start + length) if length else found == []


def test_batch_prices_history_gives_one_object_per_token() -> None:
    server = Server(lambda _p, _q: {"history": {"1": [{"t": 5, "p": 0.5}], "2": []}})
    (page,) = run(server, lambda c: c.clob.batch_prices_history(["1", "2"], START, START + timedelta(days=1)))
    assert [(o.key, json.loads(o.payload)) for o in page.objects] == [("1", [{"t": 5, "p": 0.5}]), ("2", [])]
    assert [json.loads(o.context or "")["token_id"] for o in page.objects] == ["1", "2"]
    assert server.asked[0][0] == "/batch-prices-history"
    assert set(server.asked[0][2]) == {"markets", "start_ts", "end_ts", "fidelity"}
    many = Server(lambda _p, _q: {"history": {}})
    run(many, lambda c: c.clob.batch_prices_history([str(n) for n in range(45)], START, START + timedelta(days=1)))
    assert [len(body["markets"]) for _, _, body in many.asked] == [20, 20, 5]


def test_odd_points_of_one_token_cost_the_others_nothing() -> None:
    """What was not asked for has no context and null is no list: both are judged by the parsers."""
    server = Server(lambda _p, _q: {"history": {"1": [{"t": 1, "p": 0.5}], "2": [], "3": None}})
    pages = run(server, lambda c: c.clob.batch_prices_history(["1", "3"], START, START + timedelta(days=1)))
    found = {o.key: (o.payload, o.context is None) for page in pages for o in page.objects}
    assert found == {"1": (b'[{"t": 1, "p": 0.5}]', False), "2": (b"[]", True), "3": (b"null", False)}


def test_a_clob_listing_ends_at_lte_and_never_sends_it() -> None:
    def answer(_path: str, query: dict[str, str]) -> Any:
        last = query.get("next_cursor") == "NTAw"
        return {"data": [{"id": "2" if last else "1"}], "next_cursor": "LTE=" if last else "NTAw"}

    server, code = Server(answer), ("builder_code", "0xb")
    assert keys(run(server, lambda c: c.clob.builder_trades("0xb"))) == ["1", "2"]
    assert [query for _, query, _ in server.asked] == [[code], [code, ("next_cursor", "NTAw")]]
    with pytest.raises(BadRequest, match="LTE="):
        run(server, lambda c: c.clob.builder_trades("0xb", cursor="LTE="))


def test_builder_trades_ask_by_code_and_unix_seconds() -> None:
    server = Server(lambda _p, _q: {"data": [{"id": "leg"}], "next_cursor": "LTE="})
    assert keys(run(server, lambda c: c.clob.builder_trades("0xb", after=START))) == ["leg"]
    assert server.asked == [
        ("/builder/trades", [("builder_code", "0xb"), ("after", str(int(START.timestamp())))], None)
    ]


def test_a_time_without_a_zone_is_refused() -> None:
    server = Server(lambda _p, _q: {"data": [], "next_cursor": "LTE="})
    with pytest.raises(BadRequest, match="zone"):
        run(server, lambda c: c.clob.builder_trades("0xb", after=datetime(2026, 1, 1)))  # noqa: DTZ001 - the point


def once(server: Server, use: Callable[[PolymarketClient], Any]) -> Any:
    async def main() -> Any:
        async with client(server) as opened:
            return await use(opened)

    return asyncio.run(main())


def test_books_of_many_tokens_come_in_one_answer_as_served() -> None:
    server = Server(lambda _p, _q: b'[ {"asset_id":"7"} ]')
    assert once(server, lambda c: c.clob.books(["7", "8"])) == b'[ {"asset_id":"7"} ]'
    assert server.asked == [("/books", [], [{"token_id": "7"}, {"token_id": "8"}])]


def test_books_of_more_tokens_than_one_request_takes_are_refused_before_they_are_asked_for() -> None:
    server = Server(lambda _p, _q: [])
    with pytest.raises(BadRequest, match="takes at most 50"):
        once(server, lambda c: c.clob.books(["7"] * 51))
    assert server.asked == []


def test_an_error_inside_a_200_is_an_error() -> None:
    with pytest.raises(RateLimited, match="Too Many Requests"):
        run(Server(lambda _p, _q: {"error": "Too Many Requests"}), lambda c: c.data.trades())
    with pytest.raises(BadRequest, match="Invalid payload"):
        run(Server(lambda _p, _q: {"error": "Invalid payload"}), lambda c: c.clob.builder_trades("0xb"))


def test_a_429_without_json_is_retried_and_then_reported() -> None:
    answers = iter([httpx.Response(429, content=b"slow down"), envelope([{"transaction_hash": "0xa"}], None)])
    assert keys(run(Server(lambda _p, _q: next(answers)), lambda c: c.data.trades())) == ["0xa"]
    refusing = Server(lambda _p, _q: httpx.Response(429, content=b"<html>"))
    with pytest.raises(RateLimited, match="429"):
        run(refusing, lambda c: c.data.trades())
    assert len(refusing.asked) == 2


def test_metrics_add_up_over_the_hosts_and_pages_carry_the_configured_clock() -> None:
    server = Server(lambda _p, _q: {"markets": [], "data": [], "pagination": {"has_more": False}})
    frozen = datetime(2026, 7, 1, tzinfo=UTC)

    async def main() -> tuple[list[Page], dict[str, int | float]]:
        async with client(server, now=frozen) as opened:
            pages = [p async for p in opened.gamma.markets()] + [p async for p in opened.data.trades()]
            return pages, opened.metrics.as_dict()

    pages, metrics = asyncio.run(main())
    assert {p.received_at for p in pages} == {frozen}
    assert (metrics["requests"], metrics["outcome_ok"]) == (2, 2)


def test_the_hosts_are_those_of_the_settings() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url).split("?")[0])
        return httpx.Response(200, json={"markets": [], "data": [], "pagination": {"has_more": False}})

    values = {f"polymarket_{name}_url": f"http://127.0.0.1:9/{name}" for name in ("gamma", "api", "data")}

    async def main() -> None:
        settings = Settings.model_validate(values)
        async with PolymarketClient(settings, transport=httpx.MockTransport(handler), sleep=no_sleep) as opened:
            for listing in (opened.gamma.markets(), opened.clob.builder_trades("0xb"), opened.data.trades()):
                assert len([page async for page in listing]) == 1

    asyncio.run(main())
    base = "http://127.0.0.1:9"
    assert seen == [f"{base}/gamma/markets/keyset", f"{base}/api/builder/trades", f"{base}/data/v2/trades"]
