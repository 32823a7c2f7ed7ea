"""An ASGI layer that keeps other web sites away from pages without a login.

Belongs here: the check of a request's headers. A page of any site can make a visitor's browser send requests to
loopback: without this layer it could start and delete runs there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
# Against clickjacking in frames of other sites, and against embedding of responses.
_HEADERS = [
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_POST_ONLY = [(b"allow", b"POST")]


class SameOrigin:
    """Passes requests that name an allowed host and come from a page of that host or from no page.

    ``hosts``: allowed values of ``Host`` in addition to loopback; a name that an attacker's DNS points to loopback is
    not allowed. ``below``: the guarded paths; default: all. ``post_only``: paths whose operations need POST, because
    browsers send GET and HEAD across sites without an Origin; a browser's GET of the page itself passes. ``hint``: end
    of the message about a host that is not allowed. A refused request is answered with 403 or 405 and one line, and
    does not reach the application.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str] = (),
        below: str = "/",
        post_only: Iterable[str] = (),
        hint: str = "only loopback is",
    ) -> None:
        self.app = app
        self._hosts = {host.strip().strip("[]").rstrip(".").lower() for host in hosts}
        self._below = below
        self._post_only = frozenset(post_only)
        self._hint = hint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI call."""
        if scope["type"] not in ("http", "websocket") or not scope["path"].startswith(self._below):
            await self.app(scope, receive, send)
            return
        reason = self._refusal(scope)
        if scope["type"] == "websocket":
            if reason is None:
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": reason})  # before accept: 403
            return
        if reason is not None:
            await _refuse(send, 403, reason)
        elif scope["path"] in self._post_only and scope["method"] != "POST" and not _asks_for_page(scope):
            await _refuse(send, 405, "operations are sent with POST", _POST_ONLY)
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> str | None:
        """The reason for a refusal; None if the request may pass."""
        headers = _headers(scope)
        hosts, origins = headers.get("host", []), headers.get("origin", [])
        if len(hosts) != 1 or (host := _authority(f"//{hosts[0]}")) is None:
            return "the Host header names no host"
        if not self._is_allowed(host[0]):
            return f"this host is not allowed: {self._hint}"
        if len(origins) > 1 or (origins and not _is_same(origins[0], host)):
            return "requests from pages of other origins are refused"
        site = headers.get("sec-fetch-site", ["none"])
        if set(site) - {"none", "same-origin"} and not _opens_page(scope, headers):
            return "requests from pages of other sites are refused"
        return None

    def _is_allowed(self, host: str) -> bool:
        try:
            return ipaddress.ip_address(host).is_loopback or host in self._hosts
        except ValueError:
            return host == "localhost" or host in self._hosts


def _headers(scope: Scope) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return values


def _authority(url: str) -> tuple[str, int | None] | None:
    """Host and port of a URL or of ``//host:port``; None if there is no host, or anything else than host and port."""
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname.rstrip("."), port


def _is_same(origin: str, host: tuple[str, int | None]) -> bool:
    """Whether a page's origin is the requested host. A Host without a port has the default port of the scheme."""
    page = _authority(origin)
    scheme = origin.partition(":")[0].lower()
    if page is None or scheme not in ("http", "https"):  # "null" too: sandboxed frames and files
        return False
    return page == (host[0], _PORTS[scheme] if host[1] is None else host[1])


def _opens_page(scope: Scope, headers: Mapping[str, list[str]]) -> bool:
    """Whether a person follows a link of another site: reading a page changes nothing."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    return headers.get("sec-fetch-mode") == ["navigate"] and headers.get("sec-fetch-dest") == ["document"]


def _asks_for_page(scope: Scope) -> bool:
    """Whether a browser requests the page itself with GET."""
    return scope["method"] == "GET" and "text/html" in _headers(scope).get("accept", [""])[0]


async def _refuse(send: Send, status: int, reason: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    body = f"refused: {reason}\n".encode()
    standard = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": [*standard, *_HEADERS]})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sent(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return sent
