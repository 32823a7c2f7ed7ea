"""Data API v2: trades, tokens, resolutions, sampled prices, builder statistics.

Belongs here: the paths below ``/v2``, their envelope, caps and cursors (reference: section 4). Sizes are
shares, prices 0..1. Answers may be cached by the venue: trades for up to five minutes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

from echelon_pipeline.errors import BadRequest, SchemaDrift
from echelon_pipeline.venues.cutting import first, lists, plain, sound_list, text_of
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.polymarket.answers import (
    Cut,
    Host,
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
from echelon_pipeline.venues.polymarket.clob import windows
from echelon_pipeline.venues.walk import Read

LIMIT = 1000
PRICES_LIMIT = 10_000
CONDITIONS = 20
TOKENS = 50
TOKEN_CONDITIONS = 10


class Data:
    """Listings of the Data API v2. Every method gives pages whose objects are as served."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def trades(
        self,
        *,
        conditions: Sequence[str] = (),
        user: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str | None = None,
    ) -> AsyncIterator[Page]:
        """Taker trades, newest first by (block time, sequence). Always with ``taker_only=true`` and
        ``filter_amount=0`` (the venue's default hides trades below 0.01).

        With ``conditions`` (at most 20) the last three years, whatever ``start`` and ``end`` say; the bare
        feed reaches back to the start of the previous month; with ``user`` the times count. ``cursor`` goes on
        with an interrupted walk. Raises SchemaDrift where a page of a condition walk holds none of the
        conditions (a filter that the server ignores would otherwise pass for data).
        """
        at_most("/v2/trades condition", conditions, CONDITIONS)
        asked = query(
            condition=",".join(conditions) or None,
            user=user,
            start=None if start is None else seconds(start),
            end=None if end is None else seconds(end),
            taker_only=True,
            filter_amount=0,
            limit=LIMIT,
        )
        wanted = {c.lower() for c in conditions}
        walked = self._host.pages(
            "trades", "/v2/trades", asked, _envelope("/v2/trades", "transaction_hash"), param="cursor", start=cursor
        )
        async for page in walked:
            _check_filter(page, wanted)
            yield page

    async def tokens(self, *, token_ids: Sequence[str] = (), conditions: Sequence[str] = ()) -> AsyncIterator[Page]:
        """Token to market references, endpoint ``tokens``: 50 tokens or 10 conditions per request."""
        if bool(token_ids) == bool(conditions):
            raise BadRequest("/v2/tokens: give token_ids or conditions, exactly one of them")
        for some in chunks(token_ids, TOKENS):
            yield await self._listed("tokens", "/v2/tokens", "token_id", token_id=",".join(some))
        for some in chunks(conditions, TOKEN_CONDITIONS):
            yield await self._listed("tokens", "/v2/tokens", "token_id", condition=",".join(some))

    async def resolutions(self, conditions: Sequence[str]) -> AsyncIterator[Page]:
        """Resolution life cycle and payouts (micro-dollars per share), 20 conditions per request."""
        for some in chunks(conditions, CONDITIONS):
            yield await self._listed("resolutions", "/v2/resolutions", "condition_id", condition=",".join(some))

    async def prices_history(
        self,
        token: str,
        start: datetime,
        end: datetime,
        *,
        bucket_seconds: int = 3600,
        ended_at: datetime | None = None,
    ) -> AsyncIterator[Page]:
        """Sampled prices of one token, windows of at most 15 days; the object is a page's array of points
        ``{timestamp, price, resolution_seconds}``, endpoint ``prices_history``, context source ``data_v2``."""
        number = 0
        for begin, until in windows(start, end):
            context = as_context(
                {
                    "token_id": token,
                    "start_ts": seconds(begin),
                    "end_ts": seconds(until),
                    "fidelity": max(1, bucket_seconds // 60),
                    "source": "data_v2",
                    **({} if ended_at is None else {"trading_ended_ts": seconds(ended_at)}),
                }
            )
            asked = query(
                token_id=token,
                start=seconds(begin),
                end=seconds(until),
                bucket_seconds=bucket_seconds,
                limit=PRICES_LIMIT,
            )
            read = _points(token, context)
            async for page in self._host.pages("prices_history", "/v2/prices-history", asked, read, param="cursor"):
                yield Page(page.endpoint, page.request, number, page.received_at, page.objects, page.cursor)
                number += 1

    def builders_leaderboard(self, time_period: str = "all") -> AsyncIterator[Page]:
        """Builders by volume in shares; ``time_period``: day, week, month or all."""
        path = "/v2/builders/leaderboard"
        asked = query(time_period=time_period, limit=LIMIT)
        return self._host.pages("builders_leaderboard", path, asked, _envelope(path, "builder_code"), param="cursor")

    async def builders_volume(self, interval: str = "day", *, limit: int | None = None) -> Page:
        """Volume in shares by builder and bucket; ``interval``: day, week, month or all; at most 90 buckets."""
        asked = query(interval=interval, limit=limit)
        return await self._host.one("builders_volume", "/v2/builders/volume", _data("/v2/builders/volume", None), asked)

    async def status(self) -> Page:
        """How fresh the Data API is, endpoint ``data_status``, as served."""
        return await self._host.one("data_status", "/v2/status", single(), [])

    async def _listed(self, endpoint: str, path: str, key: str, **asked: str) -> Page:
        return await self._host.one(endpoint, path, _data(path, key), query(**asked))


def _envelope(path: str, key: str) -> Read:
    def read(body: bytes) -> tuple[list[RawObject], str | None]:
        return objects(listed(body, "data", path), key=key), _next(body, path)

    return read


def _points(token: str, context: str | None) -> Read:
    path = "/v2/prices-history"

    def read(body: bytes) -> tuple[list[RawObject], str | None]:
        following = _next(body, path)
        if not listed(body, "data", path):
            return [], following
        parts = [part for points in lists(body, "data") for part in sound_list(points)]
        return [RawObject(part, token, context) for part in parts], following

    return read


def _data(path: str, key: str | None) -> Cut:
    def cut(body: bytes) -> list[RawObject]:
        return objects(listed(body, "data", path), key=key)

    return cut


def _next(body: bytes, path: str) -> str | None:
    """The next cursor of an envelope; SchemaDrift where more is promised without one."""
    pagination = members(body, path).get("pagination")
    if pagination is None:
        raise SchemaDrift(f"{path}: expected an object at $.pagination, it is missing")
    fields = members(pagination, f"{path} $.pagination")
    following = text_of(fields.get("next_cursor"))
    more = plain(fields.get("has_more"))
    if more is True and following is None:
        raise SchemaDrift(f"{path}: $.pagination promises more but has no next_cursor")
    return None if more is False else following


def _check_filter(page: Page, wanted: Collection[str]) -> None:
    """SchemaDrift where the rows of a page name conditions and none of them was asked for. Rows that name none prove
    nothing: the parsers judge them."""
    named = [c.lower() for c in (text_of(first(o.payload, "condition_id")) for o in page.objects) if c]
    if wanted and named and not any(condition in wanted for condition in named):
        raise SchemaDrift(f"{page.request}: none of {len(named)} trades is of a condition that was asked for")
