"""CLOB: sampled prices, books, builder trades.

Belongs here: the CLOB host's public reads, their caps and cursors (reference: sections 2 and 3).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from echelon_pipeline.errors import BadRequest, SchemaDrift
from echelon_pipeline.venues import cutting
from echelon_pipeline.venues.cutting import MalformedError, sound_list, text_of
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
)

# base64 of -1: the end. Sending it back is answered with 400.
END = "LTE="
BATCH_TOKENS = 20
# The cap of POST /books is not published; 50 books of 100 levels are some 400 kB.
BOOKS_TOKENS = 50
WINDOW = timedelta(days=15)


class Clob:
    """Reads of the CLOB host. Prices are 0..1 per share, sizes shares, times aware datetimes."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def batch_prices_history(
        self,
        tokens: Sequence[str],
        start: datetime,
        end: datetime,
        *,
        fidelity: int = 60,
        ended_at: Mapping[str, datetime] | None = None,
    ) -> AsyncIterator[Page]:
        """Sampled midpoints in [start, end], 20 tokens and at most 15 days per request: one page per answer, one object
        per token (its array of points as served, key: token). Tokens that are missing from the answer give no object.

        ``fidelity``: minutes between points. ``ended_at``: when trading ended, where it is known; it goes into
        the context as ``trading_ended_ts``, so that the parser can leave out what was sampled after it. An extra point
        stamped "now" may be the last one.
        """
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
        path = "/builder/trades"
        if cursor == END:
            raise BadRequest(f"{path}: cursor {END} is the end of the listing and cannot be requested")

        def read(body: bytes) -> tuple[list[RawObject], str | None]:
            legs = objects(listed(body, "data", path), key="id")
            following = text_of(members(body, path).get("next_cursor"))
            return legs, None if following == END else following

        params = query(
            builder_code=code,
            market=market,
            after=None if after is None else seconds(after),
            before=None if before is None else seconds(before),
        )
        return self._host.pages("builder_trades", path, params, read, param="next_cursor", start=cursor)


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
