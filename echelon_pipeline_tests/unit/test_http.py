"""The shared request policy: retries, limits, breaker, classified errors, metrics."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.errors import (
    BadRequest,
    EchelonError,
    NotFound,
    RateLimited,
    Unauthorized,
    VenueDown,
    VenueUnavailable,
)
from echelon_pipeline.venues.http import Policy, TokenBucket, VenueHttp

Answer = httpx.Response | Exception


def ok(body: bytes = b'{"a":1}') -> httpx.Response:
    return httpx.Response(200, content=body)


class Wire:
    """A server that gives its answers in turn (the last one for ever), and a clock that only sleeps."""

    def __init__(self, answers: Sequence[Answer], **policy: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self._answers = list(answers)
        self.http = VenueHttp(
            "https://venue.test/base/",
            policy=Policy(**{"retries": 2, "backoff": 1.0, "backoff_max": 8.0, **policy}),
            rates={"default": 1e9},
            name="venue",
            transport=httpx.MockTransport(self._handle),
            sleep=self._sleep,
            rng=random.Random(7),
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def get(self, path: str = "/x", **more: Any) -> bytes:
        async def main() -> bytes:
            return await self.http.get(path, **more)

        return asyncio.run(main())


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(429, content=b'{"error":"too many requests"}'),
        httpx.Response(500),
        httpx.Response(503, content=b"<html>"),
        httpx.Response(408),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("cut"),
        ok(b'{"markets": [{"a": 1'),
        ok(b""),
        ok(b" \n"),
        httpx.Response(204),
        httpx.Response(206, content=b'{"a":1}'),
        ok(b'{"error":"too many requests"}'),
        httpx.Response(403, content=b"<html>blocked</html>"),
    ],
    ids=lambda f: f"{type(f).__name__}-{getattr(f, 'status_code', '')}",
)
def test_a_transient_failure_is_tried_again(failure: Answer) -> None:
    wire = Wire([failure, ok()])
    assert wire.get() == b'{"a":1}'
    assert len(wire.requests) == 2
    assert wire.http.metrics.retries == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(400, content=b'{"msg":"Invalid format for parameter"}'), BadRequest),
        (httpx.Response(401), Unauthorized),
        (httpx.Response(403, content=b'{"code":"region"}'), Unauthorized),
        (httpx.Response(404), NotFound),
        (httpx.Response(409), BadRequest),
        (httpx.Response(301, headers={"Location": "https://elsewhere.test/x?token=secret"}), BadRequest),
        (httpx.Response(307, headers={"Location": "http://[broken"}), BadRequest),
        (httpx.Response(304), BadRequest),
        (ok(b'{"error":"no such thing"}'), BadRequest),
    ],
)
def test_a_refusal_is_raised_at_once_with_the_venues_words(answer: httpx.Response, kind: type[EchelonError]) -> None:
    wire = Wire([answer])
    with pytest.raises(kind, match=r"venue GET /x"):
        wire.get()
    assert len(wire.requests) == 1
    assert wire.slept == []


def test_retries_are_bounded_and_the_last_error_is_raised() -> None:
    wire = Wire([httpx.Response(429)])
    with pytest.raises(RateLimited):
        wire.get()
    assert len(wire.requests) == 3
    assert len(wire.slept) == 2


def test_backoff_is_jittered_below_a_doubling_cap() -> None:
    wire = Wire([httpx.Response(500)], retries=6)
    with pytest.raises(VenueUnavailable):
        wire.get()
    assert all(0 <= slept <= cap for slept, cap in zip(wire.slept, [1, 2, 4, 8, 8, 8], strict=True))
    assert len(set(wire.slept)) == len(wire.slept)


@pytest.mark.parametrize(("header", "expected"), [("3", 3.0), ("1.5", 1.5), ("600", 8.0), ("0", 0.0)])
def test_retry_after_is_honoured_up_to_the_longest_delay(header: str, expected: float) -> None:
    wire = Wire([httpx.Response(429, headers={"Retry-After": header}), ok()])
    wire.get()
    assert wire.slept == [expected]


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-1", b"\xb2"])
def test_a_retry_after_that_is_no_number_falls_back_to_backoff(header: Any) -> None:
    wire = Wire(
        [
            httpx.Response(503, headers=[(b"Retry-After", header if isinstance(header, bytes) else header.encode())]),
            ok(),
        ]
    )
    wire.get()
    assert 0 <= wire.slept[0] <= 1


def test_the_breaker_opens_after_exhausted_requests_in_a_row() -> None:
    wire = Wire([httpx.Response(500)], retries=0, breaker_failures=3)
    for _ in range(3):
        with pytest.raises(VenueUnavailable):
            wire.get()
    with pytest.raises(VenueDown, match="3 requests in a row"):
        wire.get()
    assert len(wire.requests) == 3


@pytest.mark.parametrize("between", [ok(), httpx.Response(404)])
def test_an_answer_of_any_kind_closes_the_count_of_the_breaker(between: httpx.Response) -> None:
    wire = Wire([httpx.Response(500), between, httpx.Response(500)], retries=0, breaker_failures=2)
    for kind in (VenueUnavailable, NotFound if between.status_code == 404 else None, VenueUnavailable):
        if kind is None:
            wire.get()
        else:
            with pytest.raises(kind):
                wire.get()
    assert len(wire.requests) == 3


def test_the_request_is_the_base_the_path_and_the_query_as_given() -> None:
    wire = Wire([ok()], user_agent="me/1")
    wire.get("/markets", query=[("tickers", "A B"), ("tickers", "C&D")])
    assert str(wire.requests[0].url) == "https://venue.test/base/markets?tickers=A+B&tickers=C%26D"
    assert wire.requests[0].headers["User-Agent"] == "me/1"


def test_headers_are_made_anew_for_every_attempt() -> None:
    made = iter("ab")
    wire = Wire([httpx.Response(500), ok()])
    wire.get(headers=lambda: {"X-Stamp": next(made)})
    assert [r.headers["X-Stamp"] for r in wire.requests] == ["a", "b"]


def test_a_post_that_reads_sends_json() -> None:
    wire = Wire([ok()])

    async def main() -> bytes:
        async with wire.http as http:
            return await http.post("/books", [{"token_id": "1"}])

    assert asyncio.run(main()) == b'{"a":1}'
    request = wire.requests[0]
    assert (request.method, request.content) == ("POST", b'[{"token_id":"1"}]')
    assert request.headers["Content-Type"] == "application/json"


def test_metrics_count_requests_outcomes_and_bytes() -> None:
    wire = Wire([httpx.Response(429), ok(), httpx.Response(404)])
    wire.get(group="markets")
    with pytest.raises(NotFound):
        wire.get(group="trades")
    assert wire.http.metrics.as_dict() == {
        "requests": 3,
        "retries": 1,
        "bytes": 7,
        "waited_seconds": 0.0,
        "outcome_NotFound": 1,
        "outcome_RateLimited": 1,
        "outcome_ok": 1,
    }
    assert dict(wire.http.metrics.requests) == {"markets": 2, "trades": 1}


def test_no_more_requests_than_allowed_are_under_way() -> None:
    under_way, most = 0, 0

    async def handle(_request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        return ok()

    async def main() -> None:
        policy = Policy(concurrency=3)
        async with VenueHttp(
            "https://v.test", policy=policy, rates={}, name="v", transport=httpx.MockTransport(handle)
        ) as http:
            await asyncio.gather(*(http.get("/x") for _ in range(12)))

    asyncio.run(main())
    assert most == 3


def test_a_pause_is_waited_before_every_request() -> None:
    wire = Wire([httpx.Response(500), ok()], pause=0.25, backoff=0.0001)
    wire.get()
    assert wire.slept.count(0.25) == 2
    assert wire.http.metrics.waited == 0.5


@given(st.floats(0.5, 100), st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_a_token_bucket_never_lets_more_through_than_its_burst_and_rate(rate: float, gaps: list[float]) -> None:
    now = 0.0
    bucket = TokenBucket(rate, lambda: now)
    sent = []
    for gap in gaps:
        now += gap
        sent.append(now + bucket.delay())
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            allowed = max(1.0, rate) + rate * (sent[last] - sent[first])
            assert last - first + 1 <= allowed + 1 + 1e-6


def test_a_token_bucket_answers_at_once_within_its_burst() -> None:
    bucket = TokenBucket(4.0, lambda: 0.0)
    assert [bucket.delay() for _ in range(6)] == [0.0, 0.0, 0.0, 0.0, 0.25, 0.5]


def test_a_closed_client_is_closed() -> None:
    closes: list[Callable[[], None]] = []

    class Transport(httpx.MockTransport):
        async def aclose(self) -> None:
            closes.append(lambda: None)

    async def main() -> None:
        http = VenueHttp("https://v.test", policy=Policy(), rates={}, name="v", transport=Transport(lambda _: ok()))
        async with http:
            await http.get("/x")

    asyncio.run(main())
    assert len(closes) == 1
