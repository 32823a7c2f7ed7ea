"""Data API v2: trades, resolutions, ranking of builders.

Belongs here: the paths below ``/v2``, their envelope, caps and cursors (reference: section 4). Sizes are
shares, prices 0..1. Answers may be cached by the venue: trades for up to five minutes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

from echelon_pipeline.errors import SchemaDrift
from echelon_pipeline.venues.cutting import first, plain, text_of
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.polymarket.answers import (
    Cut,
    Host,
    at_most,
    chunks,
    listed,
    members,
    objects,
    query,
    seconds,
)
from echelon_pipeline.venues.walk import Read

LIMIT = 1000
CONDITIONS = 20


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
        params = query(
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
            "trades", "/v2/trades", params, _envelope("/v2/trades", "transaction_hash"), param="cursor", start=cursor
        )
        async for page in walked:
            _check_filter(page, wanted)
            yield page

    async def resolutions(self, conditions: Sequence[str]) -> AsyncIterator[Page]:
        """Resolution life cycle and payouts (micro-dollars per share), 20 conditions per request."""
        path = "/v2/resolutions"
        for some in chunks(conditions, CONDITIONS):
            params = query(condition=",".join(some))
            yield await self._host.one("resolutions", path, _data(path, "condition_id"), params)

    def builders_leaderboard(self, time_period: str = "all") -> AsyncIterator[Page]:
        """Builders by volume in shares; ``time_period``: day, week, month or all."""
        path = "/v2/builders/leaderboard"
        params = query(time_period=time_period, limit=LIMIT)
        return self._host.pages("builders_leaderboard", path, params, _envelope(path, "builder_code"), param="cursor")


def _envelope(path: str, key: str) -> Read:
    def read(body: bytes) -> tuple[list[RawObject], str | None]:
        return objects(listed(body, "data", path), key=key), _next(body, path)

    return read


def _data(path: str, key: str) -> Cut:
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
