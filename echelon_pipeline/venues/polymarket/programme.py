"""Feeds that only Polymarket has: the builder programme, and payouts by Data API v2.

Belongs here: the endpoints and their limits. ``ingest/`` selects spans and instruments.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from echelon_pipeline.domain.intervals import Span
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.page import Page
from echelon_pipeline.venues.polymarket.client import PolymarketClient
from echelon_pipeline.venues.polymarket.parse import KINDS, PARSER_VERSION


class BuilderFills:
    """Trades of a builder code."""

    kinds: ClassVar[dict[str, PayloadKind]] = {"builder_trades": KINDS["builder_trades"]}
    parser_version: ClassVar[int] = PARSER_VERSION

    def __init__(self, client: PolymarketClient) -> None:
        self._client = client

    def walk(self, code: str, span: Span) -> AsyncIterator[Page]:
        """Both bounds are cut to whole seconds."""
        return self._client.clob.builder_trades(code, after=span[0], before=span[1])


class DataPayouts:
    """Payouts by Data API v2."""

    kinds: ClassVar[dict[str, PayloadKind]] = {"resolutions": KINDS["resolutions"]}
    parser_version: ClassVar[int] = PARSER_VERSION
    source: ClassVar[str] = "data_v2"
    at_once: ClassVar[int] = 20  # documented limit of data v2 filters

    def __init__(self, client: PolymarketClient) -> None:
        self._client = client

    def ask(self, native_ids: Sequence[str]) -> AsyncIterator[Page]:
        """One object per condition that has a resolution."""
        return self._client.data.resolutions(native_ids)


class BuilderRanking:
    """The ranking of builders, in shares."""

    kinds: ClassVar[dict[str, PayloadKind]] = {"builders_leaderboard": KINDS["builders_leaderboard"]}
    parser_version: ClassVar[int] = PARSER_VERSION
    source: ClassVar[str] = "data_v2"
    ranges: ClassVar[tuple[str, ...]] = ("day", "week", "month", "all")

    def __init__(self, client: PolymarketClient) -> None:
        self._client = client

    def ask(self, wanted: str) -> AsyncIterator[Page]:
        """One page of the best builders of a range."""
        return self._client.data.builders_leaderboard(wanted)
