"""CLOB: sampled prices, books, market flags, builder trades.

Belongs here: the CLOB host's public reads, their caps and cursors (reference: sections 2 and 3).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from echelon_pipeline.errors import BadRequest, SchemaDrift
from echelon_pipeline.venues import cutting
from echelon_pipeline.venues.cutting import UNREADABLE, MalformedError, sound_list, sound_parts, text_of
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.polymarket.answers import (
    Cut,
    Host,
    Value,
    as_context,
    at_most,
    chunks,
    listed,
    members,
    objects,
    query,
    seconds,
    single,
)

# base64 of -1: the end. Sending it back is answered with 400.
END = "LTE="
BATCH_TOKENS = 20
# The cap of POST /books is not published; 50 books of 100 levels are some 400 kB.
BOOKS_TOKENS = 50
WINDOW = timedelta(days=15)


class _Tick(msgspec.Struct):
    minimum_tick_size: Decimal


class Clob:
    """Reads of the CLOB host. Prices are 0..1 per share, sizes shares, times aware datetimes."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def prices_history(
        self, token: str, start: datetime, end: datetime, *, fidelity: int = 60, ended_at: datetime | None = None
    ) -> AsyncIterator[Page]:
        """Sampled midpoints of one token in [start, end], one page per window of at most 15 days.

        ``fidelity``: minutes between points. ``ended_at``: when trading ended, where it is known; it goes into
        the context as ``trading_ended_ts``, so that the parser can leave out what was sampled after it.
        The object is the answer as served: an extra point stamped "now" may be its last one.
        """
        for begin, until in windows(start, end):
            asked = query(market=token, startTs=seconds(begin), endTs=seconds(until), fidelity=fidelity)
            context = _sampled(token, begin, until, fidelity, ended_at)
            yield await self._host.one("prices_history", "/prices-history", _history(token, context), asked)

    async def batch_prices_history(
        self,
        tokens: Sequence[str],
        start: datetime,
        end: datetime,
        *,
        fidelity: int = 60,
        ended_at: Mapping[str, datetime] | None = None,
    ) -> AsyncIterator[Page]:
        """Like ``prices_history`` for many tokens, 20 per request: one page per answer, one object per token
        (its array of points as served, key: token). Tokens that are missing from the answer give no object."""
        ends = ended_at or {}
        for some in chunks(tokens, BATCH_TOKENS):
            for begin, until in windows(start, end):
                contexts = {t: _sampled(t, begin, until, fidelity, ends.get(t)) for t in some}
                body = {
                    "markets": list(some),
                    "start_ts": seconds(begin),
                    "end_ts": seconds(until),
                    "fidelity": fidelity,
                }
                yield await self._host.posted("prices_history", "/batch-prices-history", _histories(contexts), body)

    async def books(self, tokens: Sequence[str]) -> bytes:
        """Books of at most 50 tokens as served, by POST (the GET form always fails); unknown tokens are left out."""
        body = [{"token_id": token} for token in at_most("/books", tokens, BOOKS_TOKENS)]
        return await self._host.posted_body("/books", body, group="books")

    async def tick_size(self, token: str) -> Decimal:
        """Smallest price step of a token, now."""
        body = await self._host.body("/tick-size", query(token_id=token), group="tick_size")
        try:
            return msgspec.json.decode(body, type=_Tick).minimum_tick_size
        except UNREADABLE as error:
            raise SchemaDrift(f"/tick-size: expected a number at $.minimum_tick_size, got {body[:120]!r}") from error

    async def clob_market(self, condition: str) -> Page:
        """Compact market with the fee schedule in force (``fd``), endpoint ``clob_market_info``."""
        return await self._host.one("clob_market_info", f"/clob-markets/{condition}", single("c"), [])

    async def market(self, condition: str) -> Page:
        """One market with its winner flags, endpoint ``clob_markets``. NotFound until the CLOB knows it."""
        return await self._host.one("clob_markets", f"/markets/{condition}", single("condition_id"), [])

    def markets(self, *, cursor: str | None = None) -> AsyncIterator[Page]:
        """Every market ever, 1000 per page, endpoint ``clob_markets``. The stream was seen to need up to
        three pages without anything new before it advances."""
        return self._listing("clob_markets", "/markets", "condition_id", cursor, stall=3)

    def builder_trades(
        self,
        code: str,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        cursor: str | None = None,
        market: str | None = None,
    ) -> AsyncIterator[Page]:
        """Order legs that carried a builder code (bytes32 hex), 300 per page, key: leg id."""
        return self._listing(
            "builder_trades",
            "/builder/trades",
            "id",
            cursor,
            builder_code=code,
            market=market,
            after=None if after is None else seconds(after),
            before=None if before is None else seconds(before),
        )

    async def builder_fees(self, code: str) -> Page:
        """Maker and taker fee of a builder in basis points, endpoint ``builder_fees``; NotFound if unknown."""
        return await self._host.one("builder_fees", f"/fees/builder-fees/{code}", single(None), [])

    def _listing(
        self, endpoint: str, path: str, key: str, cursor: str | None, *, stall: int = 1, **filters: Value
    ) -> AsyncIterator[Page]:
        if cursor == END:
            raise BadRequest(f"{path}: cursor {END} is the end of the listing and cannot be requested")

        def read(body: bytes) -> tuple[list[RawObject], str | None]:
            found = objects(listed(body, "data", path), key=key)
            following = text_of(members(body, path).get("next_cursor"))
            return found, None if following == END else following

        asked = query(**filters)
        return self._host.pages(endpoint, path, asked, read, param="next_cursor", start=cursor, stall=stall)


def windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """[start, end] in pieces of at most 15 days, cut at UTC midnights so that no day falls into two pieces."""
    begin = start.astimezone(UTC)
    while begin < end:
        midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        until = min(midnight + WINDOW, end)
        yield begin, until
        begin = until


def _sampled(token: str, begin: datetime, until: datetime, fidelity: int, ended_at: datetime | None) -> str | None:
    return as_context(
        {
            "token_id": token,
            "start_ts": seconds(begin),
            "end_ts": seconds(until),
            "fidelity": fidelity,
            "source": "clob",
            **({} if ended_at is None else {"trading_ended_ts": seconds(ended_at)}),
        }
    )


def _history(token: str, context: str | None) -> Cut:
    def cut(body: bytes) -> list[RawObject]:
        listed(body, "history", "/prices-history")
        return [RawObject(part, token, context) for part in sound_parts(body, "history")]

    return cut


def _histories(contexts: Mapping[str, str | None]) -> Cut:
    """One object per token, whatever stands for its points. One that was not asked for has no context: the parsers
    judge it, like points that are no list."""
    path = "/batch-prices-history"
    where = f"{path} $.history"

    def cut(body: bytes) -> list[RawObject]:
        try:
            lists = cutting.lists(body, "history")
            found = [pair for value in lists for pair in cutting.pairs(value)]
        except MalformedError as error:
            raise SchemaDrift(f"{where}: expected an object by token, got {body[:120]!r}") from error
        if not lists:
            raise SchemaDrift(f"{where}: expected an object by token, it is missing")
        return [RawObject(part, token, contexts.get(token)) for token, points in found for part in _sound(points)]

    return cut


def _sound(points: bytes) -> list[bytes]:
    try:
        return sound_list(points)
    except MalformedError:
        return [points]
