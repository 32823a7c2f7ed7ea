"""The same-origin layer: which requests pass, by their headers alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from echelon_pipeline.commands.webserver import guarded
from echelon_pipeline.hosting.same_origin import SameOrigin

OURS = "127.0.0.1:3000"
Headers = Mapping[str, str] | list[tuple[str, str]]


def ask(
    headers: Headers, *, method: str = "GET", path: str = "/runs", kind: str = "http", guard: Any = guarded
) -> tuple[int, dict[str, str]]:
    """Status (101: a WebSocket was accepted) and headers of the answer; 200 and 101 come from the application only."""
    sent: list[Any] = []

    async def application(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        raise AssertionError("a refusal reads no body")

    async def send(message: Any) -> None:
        sent.append(message)

    pairs = headers if isinstance(headers, list) else list(headers.items())
    encoded = [(name.lower().encode(), value.encode()) for name, value in pairs]
    scope = {"type": kind, "method": method, "path": path, "headers": encoded}
    asyncio.run(guard(application)(scope, receive, send))
    first = sent[0]
    if first["type"].startswith("websocket"):
        return (101 if first["type"] == "websocket.accept" else 403), {}
    return first["status"], {name.decode(): value.decode() for name, value in first["headers"]}


@pytest.mark.parametrize(
    "host", [OURS, "localhost:3000", "LOCALHOST:3000", "localhost.", "[::1]:3000", "127.8.9.1", "localhost"]
)
def test_every_name_of_loopback_is_served(host: str) -> None:
    assert ask({"Host": host})[0] == 200
    assert ask({"Host": host}, kind="websocket")[0] == 101


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",  # a name that its owner points to loopback once the page is open
        "127.0.0.1.evil.example",
        "localhost.evil.example:3000",
        "evil.example@127.0.0.1",
        "127.0.0.1@evil.example",
        "127.0.0.1/evil",
        "2130706433",
        "0.0.0.0:3000",
        "127.0.0.1:port",
        "",
        "10.0.0.7:3000",
        "[::ffff:10.0.0.7]",
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    assert ask({"Host": host})[0] == 403
    assert ask({"Host": host}, kind="websocket")[0] == 403


@pytest.mark.parametrize("headers", [[], [("Host", OURS), ("Host", "evil.example")]])
def test_a_request_names_exactly_one_host(headers: list[tuple[str, str]]) -> None:
    assert ask(headers)[0] == 403


def test_only_the_given_hosts_are_served() -> None:
    def behind(app: Any) -> SameOrigin:
        return guarded(app, ["Ui.Example.", "10.0.0.7"])

    for host in ("ui.example", "UI.example:8443", "10.0.0.7:3000", OURS):
        assert ask({"Host": host}, guard=behind)[0] == 200, host
    assert ask({"Host": "other.example"}, guard=behind)[0] == 403
    assert ask({"Host": "ui.example", "Origin": "https://ui.example"}, method="POST", guard=behind)[0] == 200
    assert ask({"Host": "ui.example", "Origin": "https://ui.example:8443"}, method="POST", guard=behind)[0] == 403


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1:8080",  # another server of this machine
        "http://localhost:3000",  # another origin, whatever the name resolves to
        "http://127.0.0.1",
        "null",
        "",
        "file://",
        "chrome-extension://127.0.0.1:3000",
        "http://127.0.0.1:3000@evil.example",
        "http://127.0.0.1:3000.evil.example",
    ],
)
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    headers = {"Host": OURS, "Origin": origin}
    for method in ("GET", "POST", "OPTIONS", "DELETE"):
        assert ask(headers, method=method, path="/graphql")[0] == 403, method
    assert ask(headers, kind="websocket", path="/graphql")[0] == 403


def test_two_origins_are_refused() -> None:
    headers = [("Host", OURS), ("Origin", f"http://{OURS}"), ("Origin", "https://evil.example")]
    assert ask(headers, method="POST")[0] == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [(OURS, f"http://{OURS}"), ("localhost:80", "http://localhost"), ("[::1]:3000", "http://[::1]:3000")],
)
def test_pages_of_the_same_origin_and_programs_are_served(host: str, origin: str) -> None:
    for headers in ({"Host": host}, {"Host": host, "Origin": origin}):
        assert ask(headers, method="POST", path="/graphql")[0] == 200
        assert ask(headers, kind="websocket", path="/graphql")[0] == 101


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT"])
def test_graphql_needs_post(method: str) -> None:
    status, headers = ask({"Host": OURS}, method=method, path="/graphql")
    assert (status, headers["allow"]) == (405, "POST")


def test_the_page_for_writing_queries_opens() -> None:
    """Dagster shows it for this header and runs nothing."""
    assert ask({"Host": OURS, "Accept": "text/html,*/*"}, path="/graphql")[0] == 200
    assert ask([("Host", OURS), ("Accept", "*/*"), ("Accept", "text/html")], path="/graphql")[0] == 405
    assert ask({"Host": OURS, "Accept": "text/html"}, method="HEAD", path="/graphql")[0] == 405


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_requests_from_other_sites_are_refused_by_the_browser_s_fetch_metadata(site: str) -> None:
    """An image or a script of another page sends no Origin, yet says that it is of another site."""
    image = {"Host": OURS, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    link = {"Host": OURS, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    frame = {**link, "Sec-Fetch-Dest": "iframe"}
    assert [ask(headers)[0] for headers in (image, frame, link)] == [403, 403, 200]
    assert ask(link, method="POST")[0] == 403
    for own in ("same-origin", "none"):
        assert ask({**image, "Sec-Fetch-Site": own})[0] == 200


def test_pages_cannot_be_shown_in_frames_of_other_sites() -> None:
    for host in (OURS, "evil.example"):
        _, headers = ask({"Host": host})
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_paths_that_are_not_guarded_and_the_lifespan_pass() -> None:
    def below(app: Any) -> SameOrigin:
        return SameOrigin(app, below="/__sandbox__")

    evil = {"Host": "evil.example", "Origin": "https://evil.example"}
    assert ask(evil, method="POST", path="/clob/time", guard=below)[0] == 200
    assert ask(evil, method="POST", path="/__sandbox__/advance", guard=below)[0] == 403
    passed: list[str] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        passed.append(scope["type"])

    asyncio.run(guarded(application)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert passed == ["lifespan"]
