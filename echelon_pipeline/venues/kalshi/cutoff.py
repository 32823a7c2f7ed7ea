"""Kalshi's cutoff: where the live tier begins; older settled markets and trades are in the historical tier.

Belongs here: reading the venue's answer. ``walks.py`` selects the tier of a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from echelon_pipeline.errors import SchemaDrift
from echelon_pipeline.venues.cutting import UNREADABLE
from echelon_pipeline.venues.kalshi.client import KalshiClient


@dataclass(frozen=True)
class Cutoff:
    """Markets settled and trades made before these times are in the historical tier."""

    markets: datetime
    trades: datetime


class _Answer(msgspec.Struct):
    market_settled_ts: datetime
    trades_created_ts: datetime


async def cutoff_of(client: KalshiClient) -> Cutoff:
    """The cutoff at the start of a run (it advances)."""
    async for page in client.historical_cutoff():
        for answer in page.objects:
            try:
                row = msgspec.json.decode(answer.payload, type=_Answer)
            except UNREADABLE as error:
                raise SchemaDrift(f"kalshi /historical/cutoff: {error}, got {answer.payload[:200]!r}") from error
            return Cutoff(row.market_settled_ts, row.trades_created_ts)
    raise SchemaDrift("kalshi /historical/cutoff: no object in the answer")
