"""What a listener can watch: open instruments of the published file.

Belongs here: choosing them. What is done with them is ``streaming/``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from echelon_pipeline.errors import NotFound
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqlfiles import statement
from echelon_pipeline.warehouse.reader import read_published


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


def watchable(settings: Settings, venues: Sequence[str], *, ids: Sequence[str] = (), most: int) -> list[Watchable]:
    """Open instruments, at most so many, the most traded first; only ``ids`` where some are given.

    Raises NotFound where nothing was published yet, or one of ``ids`` is not open, CorruptStore.
    """
    given = {"venues": list(venues), "ids": list(ids), "most": max(most, len(ids))}
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
