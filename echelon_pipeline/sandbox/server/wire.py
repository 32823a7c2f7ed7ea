"""Values in the venues' wire formats, and responses that all routes share.

Belongs here: decimals, times, cursors, query parameters, JSON responses. Objects of a venue belong in its folder.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

Json = object
_ENCODER = msgspec.json.Encoder()


class ErrorResponse(Exception):  # noqa: N818 - a regular response
    """A response other than 200: status and body."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def answer(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(_ENCODER.encode(body), status, headers=dict(headers or {}), media_type="application/json")


def dollars(e4: int) -> str:
    """1e-4 dollars as "0.4200"."""
    return f"{e4 // 10_000}.{e4 % 10_000:04d}"


def contracts(e6: int) -> str:
    """1e-6 contracts as "13.00"."""
    return f"{e6 // 1_000_000}.{e6 // 10_000 % 100:02d}"


def number(scaled: int, scale: int) -> int | float:
    """A JSON number without trailing zeros; exact up to 15 digits."""
    return scaled // scale if scaled % scale == 0 else scaled / scale


def plain(scaled: int, places: int) -> str:
    """A decimal without trailing zeros, as in CLOB books."""
    whole, rest = divmod(scaled, 10**places)
    return f"{whole}.{rest:0{places}d}".rstrip("0") if rest else str(whole)


def iso(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def iso_us(us: int) -> str:
    return f"{datetime.fromtimestamp(us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{us % 1_000_000:06d}Z"


def cursor_of(text: str) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str | None:
    """The text of an opaque cursor; None if it is not one of ours."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def list_param(query: QueryParams, name: str) -> list[str]:
    """Values of a repeated or comma-separated parameter."""
    return [part for value in query.getlist(name) for part in value.split(",") if part]


async def json_body(request: Request) -> Json:
    """The decoded body; None if it is not JSON."""
    try:
        return msgspec.json.decode(await request.body())
    except msgspec.DecodeError:
        return None
