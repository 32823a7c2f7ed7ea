"""What a listener can watch: open instruments of the published file, and its share of them beside other listeners.

Belongs here: choosing them. What is recorded of them is ``shift.py``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from echelon_pipeline.errors import NotFound
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.state.filters import Filters
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.venues.registry import REGISTRY


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
    given["with_tokens"] = [venue.name for venue in REGISTRY.values() if venue.facts.has_tokens]
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        rows = connection.execute(statement("capture/instruments").text, given).fetchall()
    # Where outcomes are no tokens, the one ladder is named by the instrument.
    found = [
        Watchable(venue, name, native, tuple(tokens or (native,)), *facts)
        for venue, name, native, tokens, *facts in rows
    ]
    unknown = sorted(set(ids) - {w.instrument_id for w in found})
    if unknown:
        raise NotFound(f"not among the open instruments of {settings.published_file}: {', '.join(unknown)}")
    return found


def chosen(settings: Settings, listeners: Listeners, name: str) -> list[Watchable] | None:
    """What a listener is to watch from now on, which it means to from now on; None where it is paused or gone.

    What active listeners before it by name would choose is not its own, nor what another still watches: that one
    drops it with its next choice. Raises NotFound where nothing was published yet, CorruptStore.
    """
    active = [known.listener for known in listeners.all() if known.listener.is_active]
    this = next((one for one in active if one.name == name), None)
    if this is None:
        return None
    taken: list[str] = []
    for one in active:
        if one.venue == this.venue and one.name < name:
            taken += [w.instrument_id for w in _pick(settings, one, taken)]
    found = _pick(settings, this, taken)
    granted = listeners.claim(name, [w.instrument_id for w in found])
    return None if granted is None else [w for w in found if w.instrument_id in granted]


def _pick(settings: Settings, listener: Listener, taken: Sequence[str]) -> list[Watchable]:
    return watchable(settings, [listener.venue], most=listener.most, filters=listener.filters, without=taken)
