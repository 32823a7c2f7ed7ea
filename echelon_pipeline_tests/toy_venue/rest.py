"""The toy venue's client, and its feeds over it: two endpoints, pages by cursor, newest first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import ClassVar

import msgspec

from echelon_pipeline.domain.intervals import Span
from echelon_pipeline.errors import NotAvailable
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.base import Rest
from echelon_pipeline.venues.feeds import Group, ListingSource, PriceFeed, Scan, TradeFeed
from echelon_pipeline.venues.http import Policy, VenueHttp
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.narrowing import GivenUp
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.payload_members import read_members_of_all
from echelon_pipeline.venues.walk import walk

KINDS = {
    "markets": PayloadKind(
        venue="toy",
        endpoint="markets",
        parse="toy/markets",
        outputs={"core.instruments": "toy/markets_core_instruments", "core.outcomes": "toy/markets_core_outcomes"},
        main="core.instruments",
        known_fields=frozenset({"id", "title", "status"}),
    ),
    "trades": PayloadKind(
        venue="toy",
        endpoint="trades",
        parse="toy/trades",
        outputs={"core.trades": "toy/trades_core_trades"},
        main="core.trades",
        known_fields=frozenset({"id", "market", "price", "size", "side", "at"}),
        owner="instrument_id",
    ),
}


class _Answer(msgspec.Struct):
    rows: list[msgspec.Raw]
    next: str | None = None


class _Named(msgspec.Struct):
    id: str


class _Trade(msgspec.Struct):
    at: datetime


class ToyClient:
    """One host."""

    def __init__(self, http: VenueHttp, settings: Settings) -> None:
        self.http, self._clock = http, settings.clock

    def pages(self, endpoint: str, **asked: str) -> AsyncIterator[Page]:
        """A walk over an endpoint."""

        async def ask(cursor: str | None) -> tuple[str, bytes]:
            query = [*asked.items(), *([("cursor", cursor)] if cursor else [])]
            return f"/{endpoint}?{query}", await self.http.get(f"/{endpoint}", query, group=endpoint)

        return walk(endpoint, ask, _read, clock=self._clock)


def _read(body: bytes) -> tuple[list[RawObject], str | None]:
    answer = msgspec.json.decode(body, type=_Answer)
    return [RawObject(bytes(row), msgspec.json.decode(row, type=_Named).id) for row in answer.rows], answer.next


class ToyListings:
    """All markets in one scan."""

    kinds: ClassVar[dict[str, PayloadKind]] = {"markets": KINDS["markets"]}
    parser_version: ClassVar[int] = 1
    filtered_out = 0

    def __init__(self, client: ToyClient) -> None:
        self._client = client
        self.given_up = GivenUp()

    def scan(self, scan: Scan) -> AsyncIterator[Page]:  # noqa: ARG002 - always all
        return self._client.pages("markets")

    def by_id(self, native_ids: Sequence[str]) -> AsyncIterator[Page]:
        return self._client.pages("markets", ids=",".join(native_ids))


class ToyTrades:
    """A walk per market."""

    kinds: ClassVar[dict[str, PayloadKind]] = {"trades": KINDS["trades"]}
    parser_version: ClassVar[int] = 1

    def __init__(self, client: ToyClient) -> None:
        self._client = client

    def reach(self) -> datetime | None:
        return None

    def groups(self, targets: Sequence[tuple[str, str, Span]]) -> Iterable[Group]:
        return [Group((instrument,), (native,), span) for instrument, native, span in targets]

    def walk(self, group: Group) -> AsyncIterator[Page]:
        return self._client.pages("trades", market=group.native_ids[0])

    def times(self, page: Page) -> list[datetime]:
        return [trade.at for trade in read_members_of_all(page.objects, _Trade)]


class ToyRest(Rest):
    """Listings and trades."""

    venue = "toy"

    def __init__(self, client: ToyClient) -> None:
        self._client = client

    def requests(self) -> dict[str, int | float]:
        return self._client.http.metrics.as_dict()

    def listings(self) -> ListingSource:
        return ToyListings(self._client)

    async def trades(self) -> TradeFeed:
        return ToyTrades(self._client)

    async def prices(self) -> PriceFeed:
        raise NotAvailable("the toy venue serves no prices")


@asynccontextmanager
async def opened_rest(settings: Settings) -> AsyncIterator[Rest]:
    """The feeds over a client that is closed on the way out."""
    base = str(getattr(settings, "toy_url"))  # noqa: B009 - the group of settings is added at registration
    async with VenueHttp(base, policy=Policy.of(settings), rates={"default": 1_000.0}, name="toy") as http:
        yield ToyRest(ToyClient(http, settings))
