"""The Kalshi client against a scripted server: requests, paging, shapes, errors, signatures; no network."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.errors import (
    BadRequest,
    BadSettings,
    NotFound,
    PagingStuck,
    RateLimited,
    SchemaDrift,
    Unauthorized,
    VenueUnavailable,
)
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.kalshi.answers import query, seconds, windows
from echelon_pipeline.venues.kalshi.auth import Signer
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.page import Page

ROOT = "/trade-api/v2"
START = datetime(2026, 11, 18, tzinfo=UTC)
END = START + timedelta(days=1)
Use = Callable[[KalshiClient], AsyncIterator[Page]]
T = TypeVar("T")


class Server:
    """Answers in turn (the last one for ever) or by a function of the request; keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, content=answer.content)
        return httpx.Response(200, content=answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.asked]

    def queries(self) -> list[list[tuple[str, str]]]:
        return [parse_qsl(request.url.query.decode(), keep_blank_values=True) for request in self.asked]


async def no_sleep(_seconds: float) -> None:
    return None


def run(server: Server, use: Use, **values: Any) -> list[Page]:
    """Every page of one listing."""

    async def pages(client: KalshiClient) -> list[Page]:
        return [page async for page in use(client)]

    return opened(server, pages, **values)


def opened(server: Server, use: Callable[[KalshiClient], Awaitable[T]], **values: Any) -> T:
    """The result of a use of a client."""

    async def main() -> T:
        settings = Settings.model_validate({"rate_scale": 1e6, "http_retries": 2, **values})
        async with KalshiClient(settings, transport=httpx.MockTransport(server), sleep=no_sleep) as client:
            return await use(client)

    return asyncio.run(main())


def keys(pages: list[Page]) -> list[list[str | None]]:
    return [[o.key for o in page.objects] for page in pages]


# --- requests

AT = datetime(2026, 11, 18, 12, 30, 15, 999999, tzinfo=UTC)
REQUESTS: list[tuple[str, Use, Any, str, list[tuple[str, str]]]] = [
    ("cutoff", lambda c: c.historical_cutoff(), {"market_settled_ts": "x"}, "/historical/cutoff", []),
    ("series", lambda c: c.series(), {"series": []}, "/series", []),
    (
        "series-filtered",
        lambda c: c.series(category="Climate and Weather", tags=["a", "b"], min_updated_ts=AT),
        {"series": []},
        "/series",
        [("category", "Climate and Weather"), ("tags", "a,b"), ("min_updated_ts", "1795005015")],
    ),
    (
        "events",
        lambda c: c.events(status="open", with_nested_markets=True, tickers=["A", "B"], min_close_ts=AT),
        {"events": []},
        "/events",
        [
            ("status", "open"),
            ("with_nested_markets", "true"),
            ("tickers", "A,B"),
            ("min_close_ts", "1795005015"),
            ("limit", "200"),
        ],
    ),
    (
        "markets",
        lambda c: c.markets(status="settled", min_settled_ts=AT, mve_filter="exclude"),
        {"markets": []},
        "/markets",
        [("status", "settled"), ("mve_filter", "exclude"), ("min_settled_ts", "1795005015"), ("limit", "1000")],
    ),
    (
        "markets-by-event",
        lambda c: c.markets(event_ticker="E", series_ticker="S", tickers=["A-B.5"], min_updated_ts=AT),
        {"markets": []},
        "/markets",
        [
            ("tickers", "A-B.5"),
            ("event_ticker", "E"),
            ("series_ticker", "S"),
            ("min_updated_ts", "1795005015"),
            ("limit", "1000"),
        ],
    ),
    (
        "trades",
        lambda c: c.trades(ticker="T", min_ts=AT, max_ts=AT + timedelta(hours=1), is_block_trade=False),
        {"trades": []},
        "/markets/trades",
        [
            ("ticker", "T"),
            ("min_ts", "1795005015"),
            ("max_ts", "1795008615"),
            ("is_block_trade", "false"),
            ("limit", "1000"),
        ],
    ),
    (
        "historical-trades",
        lambda c: c.historical_trades(ticker="T"),
        {"trades": []},
        "/historical/trades",
        [("ticker", "T"), ("limit", "1000")],
    ),
    (
        "historical-markets",
        lambda c: c.historical_markets(tickers=["A", "B"]),
        {"markets": []},
        "/historical/markets",
        [("tickers", "A,B"), ("limit", "1000")],
    ),
    (
        "candles-batch",
        lambda c: c.candlesticks_batch(["A", "B"], START, END, 60),
        {"markets": []},
        "/markets/candlesticks",
        [
            ("market_tickers", "A,B"),
            ("start_ts", "1794960000"),
            ("end_ts", "1795046400"),
            ("period_interval", "60"),
        ],
    ),
    (
        "historical-candles",
        lambda c: c.historical_candlesticks("T", START, END, 1),
        {"ticker": "T", "candlesticks": None},
        "/historical/markets/T/candlesticks",
        [("start_ts", "1794960000"), ("end_ts", "1795046400"), ("period_interval", "1")],
    ),
    (
        "collections",
        lambda c: c.multivariate_collections(status="open"),
        {"multivariate_contracts": []},
        "/multivariate_event_collections",
        [("status", "open"), ("limit", "200")],
    ),
]


@pytest.mark.parametrize(("use", "answer", "path", "asked"), [r[1:] for r in REQUESTS], ids=[r[0] for r in REQUESTS])
def test_a_method_asks_exactly_this(use: Use, answer: Any, path: str, asked: list[tuple[str, str]]) -> None:
    server = Server(answer)
    (page,) = run(server, use)
    assert server.paths == [ROOT + path]
    assert server.queries() == [asked]
    assert page.number == 0
    assert server.asked[0].url.host == "external-api.kalshi.com"
    assert not any(name.lower().startswith("kalshi-access") for name in server.asked[0].headers)


def test_a_ticker_is_one_segment_of_the_path() -> None:
    server = Server({"ticker": "A/B?C", "candlesticks": []})
    run(server, lambda c: c.historical_candlesticks("A/B?C", START, END, 60))
    assert server.asked[0].url.raw_path.startswith(b"/trade-api/v2/historical/markets/A%2FB%3FC/candlesticks?")


def test_times_without_a_zone_are_refused_and_others_are_whole_seconds() -> None:
    with pytest.raises(BadRequest, match="zone"):
        query(min_ts=datetime(2026, 1, 1))  # noqa: DTZ001
    assert seconds(datetime(2026, 1, 1, 1, tzinfo=UTC) + timedelta(milliseconds=999)) == 1767229200


# --- paging


@pytest.mark.parametrize("last", [{"cursor": ""}, {"cursor": None}, {}])
def test_a_walk_ends_on_an_empty_null_or_missing_cursor(last: dict[str, Any]) -> None:
    server = Server({"trades": [{"trade_id": "1"}], "cursor": "c=1"}, {"trades": [{"trade_id": "2"}], **last})
    pages = run(server, lambda c: c.trades(ticker="T"))
    assert keys(pages) == [["1"], ["2"]]
    assert server.queries()[1] == [("ticker", "T"), ("limit", "1000"), ("cursor", "c=1")]
    assert [(p.number, p.cursor) for p in pages] == [(0, "c=1"), (1, None)]
    assert pages[1].request == "/markets/trades?ticker=T&limit=1000&cursor=c%3D1"


def test_a_repeated_cursor_is_asked_for_again_and_then_stops_the_walk() -> None:
    stale = {"markets": [{"ticker": "B"}], "cursor": "1"}
    good = Server({"markets": [{"ticker": "A"}], "cursor": "1"}, stale, {"markets": [{"ticker": "B"}], "cursor": ""})
    assert keys(run(good, lambda c: c.markets())) == [["A"], ["B"]]
    bad = Server({"markets": [{"ticker": "A"}], "cursor": "1"}, stale)
    with pytest.raises(PagingStuck, match="repeats a cursor"):
        run(bad, lambda c: c.markets())
    assert len(bad.asked) == 4


# --- objects


def test_objects_are_the_bytes_as_served_with_their_key_and_context() -> None:
    body = b'{"cursor":"", "events": [ {"event_ticker":"E", "x": 0.30, "u":"\\u00e9"} , {"event_ticker": 7}, 5 ]}'
    (page,) = run(Server(body), lambda c: c.events())
    assert [o.payload for o in page.objects] == [
        b'{"event_ticker":"E", "x": 0.30, "u":"\\u00e9"}',
        b'{"event_ticker": 7}',
        b"5",
    ]
    assert [o.key for o in page.objects] == ["E", None, None]
    assert {o.context for o in page.objects} == {'{"multivariate":false}'}
    assert (page.endpoint, page.request) == ("events", "/events?limit=200")


def test_candles_carry_what_was_asked() -> None:
    asked = {"period_interval": 60, "start_ts": 1794960000, "end_ts": 1795046400}
    markets = [{"market_ticker": "A", "candlesticks": []}, {"market_ticker": "B", "candlesticks": None}]
    (batch,) = run(Server({"markets": markets}), lambda c: c.candlesticks_batch(["A", "B"], START, END, 60))
    assert [json.loads(o.context or "") for o in batch.objects] == [
        {"ticker": "A", **asked, "tier": "live"},
        {"ticker": "B", **asked, "tier": "live"},
    ]
    one = {"ticker": "T", "candlesticks": [{"end_period_ts": 1}]}
    (page,) = run(Server(one), lambda c: c.historical_candlesticks("T", START, END, 60))
    (found,) = page.objects
    assert json.loads(found.context or "") == {"ticker": "T", **asked, "tier": "historical"}
    assert (found.key, json.loads(found.payload), page.endpoint) == ("T", one, "candlesticks")


def test_books_of_many_tickers_come_in_one_answer_as_served() -> None:
    server = Server(b'{"orderbooks": [ {"ticker": "A"} ] }')
    assert opened(server, lambda c: c.orderbooks(["A", "B"])) == b'{"orderbooks": [ {"ticker": "A"} ] }'
    assert (server.paths, server.queries()) == ([ROOT + "/markets/orderbooks"], [[("tickers", "A"), ("tickers", "B")]])


def test_a_null_list_is_an_empty_one() -> None:
    assert keys(run(Server({"markets": None, "cursor": ""}), lambda c: c.markets())) == [[]]


@pytest.mark.parametrize(
    ("use", "body"),
    [
        (lambda c: c.markets(), b'{"cursor":""}'),
        (lambda c: c.markets(), b'{"markets":{}}'),
        (lambda c: c.markets(), b"[]"),
        (lambda c: c.markets(), b'{"markets":[],"cursor":5}'),
        (lambda c: c.candlesticks_batch(["A"], START, END, 60), b'{"markets":"A"}'),
        (lambda c: c.historical_candlesticks("T", START, END, 60), b'{"ticker":"T"}'),
        (lambda c: c.historical_cutoff(), b"[]"),
    ],
)
def test_a_missing_shape_is_drift_with_path_and_sample(use: Use, body: bytes) -> None:
    server = Server(body)
    with pytest.raises(SchemaDrift, match=r"kalshi /.*expected"):
        run(server, use)
    assert len(server.asked) == 1


# --- limits of the venue


@pytest.mark.parametrize("count", [0, 101])
def test_batches_take_1_to_100_tickers(count: int) -> None:
    server = Server({})
    with pytest.raises(BadRequest, match="takes 1 to 100"):
        opened(server, lambda c: c.orderbooks(["T"] * count))
    with pytest.raises(BadRequest, match="takes 1 to 100"):
        run(server, lambda c: c.candlesticks_batch(["T"] * count, START, END, 60))
    assert server.asked == []


@pytest.mark.parametrize(("tickers", "days", "period"), [(100, 30, 60), (1, 30, 1), (37, 10, 1), (100, 400, 1440)])
def test_no_answer_of_a_batch_can_reach_10_000_candles(tickers: int, days: int, period: int) -> None:
    server = Server({"markets": []})
    end = START + timedelta(days=days)
    pages = run(server, lambda c: c.candlesticks_batch([f"T{n}" for n in range(tickers)], START, end, period))
    spans = [(int(q["start_ts"]), int(q["end_ts"])) for q in map(dict, server.queries())]
    assert spans[0][0] == seconds(START)
    assert spans[-1][1] == seconds(end)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    # Both ends are served, and one candle more may be projected.
    assert all(tickers * ((high - low) // (period * 60) + 2) <= 10_000 for low, high in spans)
    assert [p.number for p in pages] == list(range(len(spans)))


@given(st.integers(1, 10**6), st.integers(1, 10**5))
def test_windows_tile_the_span(length: int, step: int) -> None:
    spans = list(windows(START, START + timedelta(seconds=length), max(step, length // 50 + 1)))
    assert [spans[0][0], spans[-1][1]] == [seconds(START), seconds(START) + length]
    assert all(a[1] == b[0] for a, b in pairwise(spans))


def test_an_empty_span_of_candles_is_refused() -> None:
    with pytest.raises(BadRequest, match="start must come before"):
        run(Server({}), lambda c: c.historical_candlesticks("T", END, START, 60))


# --- failures


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(429, content=b'{"error":"too many requests"}'),
        httpx.Response(500),
        httpx.Response(504, content=b'{"exchange_active":false}'),
        httpx.ReadTimeout("slow"),
        b'{"markets":[{"ticker":"A"',
    ],
    ids=["429", "500", "504", "timeout", "truncated"],
)
def test_a_transient_failure_in_a_walk_is_tried_again(failure: Any) -> None:
    server = Server({"markets": [{"ticker": "A"}], "cursor": "1"}, failure, {"markets": [{"ticker": "B"}]})
    assert keys(run(server, lambda c: c.markets())) == [["A"], ["B"]]


@pytest.mark.parametrize(
    ("failure", "kind", "asked"),
    [
        (httpx.Response(429), RateLimited, 3),
        (httpx.Response(500), VenueUnavailable, 3),
        (httpx.ConnectTimeout("x"), VenueUnavailable, 3),
        (httpx.Response(400, content=b'{"msg":"Invalid format for parameter"}'), BadRequest, 1),
        (httpx.Response(404, content=b'{"error":{"code":"not_found"}}'), NotFound, 1),
    ],
)
def test_a_failure_that_lasts_is_raised_by_its_kind(failure: Any, kind: type[Exception], asked: int) -> None:
    server = Server(failure)
    with pytest.raises(kind):
        run(server, lambda c: c.markets(tickers=["T"]))
    assert len(server.asked) == asked


def test_the_extra_pause_is_waited_before_every_request() -> None:
    slept: list[float] = []

    async def sleep(duration: float) -> None:
        slept.append(duration)

    async def main() -> KalshiClient:
        settings = Settings.model_validate({"rate_scale": 1e6, "kalshi_sleep_secs": 0.2})
        transport = httpx.MockTransport(Server({"series": []}))
        async with KalshiClient(settings, transport=transport, sleep=sleep) as client:
            async for _ in client.series():
                pass
        return client

    client = asyncio.run(main())
    assert slept == [0.2]
    assert client.metrics.as_dict()["requests"] == 1


# --- signatures


def pem(key: Any) -> str:
    return str(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    )


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed_only(request: httpx.Request) -> Any:
    if "KALSHI-ACCESS-SIGNATURE" not in request.headers:
        return httpx.Response(401, content=b'{"code":"authentication_error"}')
    return {"orderbook_fp": {}}


def test_a_book_that_wants_a_key_is_asked_for_again_signed_and_later_books_at_once() -> None:
    server = Server(signed_only)

    async def both(client: KalshiClient) -> list[bytes]:
        return [await client.orderbooks(["A B"]), await client.orderbooks(["C"])]

    assert len(opened(server, both, kalshi_api_key="key-1", kalshi_private_key=pem(RSA_KEY))) == 2
    signed = [request for request in server.asked if "KALSHI-ACCESS-KEY" in request.headers]
    assert [r.url.path for r in server.asked] == [ROOT + "/markets/orderbooks"] * 3
    assert len(signed) == 2
    headers = signed[0].headers
    assert headers["KALSHI-ACCESS-KEY"] == "key-1"
    text = f"{headers['KALSHI-ACCESS-TIMESTAMP']}GET{ROOT}/markets/orderbooks".encode()
    RSA_KEY.public_key().verify(
        base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"]),
        text,
        padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32),
        hashes.SHA256(),
    )


def test_without_a_key_an_unauthorized_book_is_an_error() -> None:
    server = Server(signed_only)
    with pytest.raises(Unauthorized):
        opened(server, lambda c: c.orderbooks(["T"]))
    with pytest.raises(Unauthorized):
        opened(server, lambda c: c.orderbooks(["T"]), kalshi_api_key="key-1")
    assert len(server.asked) == 2


def test_other_endpoints_are_never_signed() -> None:
    server = Server(httpx.Response(401))
    with pytest.raises(Unauthorized):
        run(server, lambda c: c.markets(), kalshi_api_key="key-1", kalshi_private_key=pem(RSA_KEY))
    assert len(server.asked) == 1


def test_an_ed25519_key_signs_the_same_text(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_text(pem(key))
    settings = Settings.model_validate({"kalshi_api_key": "k", "kalshi_private_key_path": tmp_path / "key.pem"})
    assert Signer.of(settings) is not None
    headers = Signer("k", pem(key).encode(), now=lambda: 1760000000.1239).headers("get", "/trade-api/v2/x")
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1760000000123"
    signature = base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"])
    key.public_key().verify(signature, b"1760000000123GET/trade-api/v2/x")
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, b"1760000000123GET/trade-api/v2/y")


def test_a_key_that_cannot_sign_is_a_bad_setting_whose_message_does_not_show_it() -> None:
    with pytest.raises(BadSettings) as garbage:
        Signer("k", b"-----BEGIN secret-----")
    assert "secret" not in str(garbage.value)
    with pytest.raises(BadSettings, match="neither an RSA nor an Ed25519"):
        Signer("k", pem(ec.generate_private_key(ec.SECP256R1())).encode())
    assert Signer.of(Settings.model_validate({})) is None
