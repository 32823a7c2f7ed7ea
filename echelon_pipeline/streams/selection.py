"""What a listener can watch: open instruments of the published file.

Belongs here: choosing them. What is done with them is ``streaming/``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from echelon_pipeline.errors import NotFound
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.statements import statement

# One text may stand alone.
Texts = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]


class Filters(BaseModel):
    """Which instruments: each filter that is set must hold, any of its texts will do, in any case of letters.

    ``series``, ``event``: native id, full id or slug; ``slug``: of instrument or event; ``category``: the venue's or
    ours; ``title``: a part of title or display name. Bounds are on what the venue said last, in its units (Kalshi
    counts contracts, Polymarket USD; liquidity is USD): volume of 24 hours; where nothing is known no bound holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    series: Texts = ()
    tag: Texts = ()
    slug: Texts = ()
    condition: Texts = ()
    event: Texts = ()
    ticker: Texts = ()
    category: Texts = ()
    title: Texts = ()
    min_liquidity: Decimal | None = None
    max_liquidity: Decimal | None = None
    min_volume: Decimal | None = None
    max_volume: Decimal | None = None
    min_open_interest: Decimal | None = None
    max_open_interest: Decimal | None = None

    def parameters(self) -> dict[str, object]:
        """Of ``sql/capture/instruments.sql``: a Kalshi ticker and a Polymarket condition are both native ids."""
        given = {
            name: tuple(text.lower() for text in value) if isinstance(value, tuple) else value
            for name, value in ((name, getattr(self, name)) for name in Filters.model_fields)
        }
        native = given.pop("condition") + given.pop("ticker")
        return {**given, "native": native}


@dataclass(frozen=True)
class Watchable:
    """An instrument, the names of its ladders (outcome 0 first), and what its venue hashes with them, as texts."""

    venue: str
    instrument_id: str
    native_id: str
    tokens: tuple[str, ...]
    closes_at: datetime | None
    tick_size: str | None
    min_order_size: str | None
    is_neg_risk: bool | None


def watchable(
    settings: Settings,
    venues: Sequence[str],
    *,
    ids: Sequence[str] = (),
    most: int,
    filters: Filters | None = None,
    without: Sequence[str] = (),
) -> list[Watchable]:
    """Open instruments, at most so many, the most traded first; only ``ids`` where some are given, none ``without``.

    Raises NotFound where nothing was published yet, or one of ``ids`` is not open, CorruptStore.
    """
    chosen = (filters or Filters()).parameters()
    given = {"venues": list(venues), "ids": list(ids), "without": list(without), "most": max(most, len(ids)), **chosen}
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        rows = connection.execute(statement("capture/instruments").text, given).fetchall()
    # Kalshi's one ladder is named by the ticker.
    found = [
        Watchable(venue, name, native, tuple(tokens or (native,)), *facts)
        for venue, name, native, tokens, *facts in rows
    ]
    unknown = sorted(set(ids) - {w.instrument_id for w in found})
    if unknown:
        raise NotFound(f"not among the open instruments of {settings.published_file}: {', '.join(unknown)}")
    return found
