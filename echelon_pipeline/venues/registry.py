"""The registered venues. Each is registered once, here; all other code reads the registry.

Belongs here: the list. The parts of a venue are in its folder.
"""

from __future__ import annotations

from echelon_pipeline.settings.model import drop_group, use_group
from echelon_pipeline.sqltools.generated_macros import SOURCES, MacroSource
from echelon_pipeline.sqltools.statements import FOLDERS
from echelon_pipeline.tables.schema import Feeder
from echelon_pipeline.venues.base import Venue
from echelon_pipeline.venues.kalshi.venue import KALSHI
from echelon_pipeline.venues.polymarket.venue import POLYMARKET

REGISTRY: dict[str, Venue] = {}


def register(venue: Venue) -> None:
    """Registers a venue. Raises ValueError for a duplicate name."""
    if venue.name in REGISTRY:
        raise ValueError(f"a venue named {venue.name!r} is registered already")
    use_group(venue.settings)
    if venue.sql is not None:
        FOLDERS[venue.name] = venue.sql
    REGISTRY[venue.name] = venue


def unregister(name: str) -> None:
    """Removes a venue, its settings and its statements. Raises KeyError for an unknown name."""
    venue = REGISTRY.pop(name)
    drop_group(venue.settings)
    FOLDERS.pop(name, None)


def venue_of(name: str) -> Venue:
    """The venue of a name; KeyError lists the registered names."""
    try:
        return REGISTRY[name]
    except KeyError:
        raise KeyError(f"no venue {name!r}; there are {', '.join(REGISTRY)}") from None


def venue_names() -> tuple[str, ...]:
    """Names in the order of registration."""
    return tuple(REGISTRY)


def feeding(feeder: Feeder) -> tuple[Venue, ...]:
    """The venues that have a feeder; all have listings, and streams that books come from."""
    common = feeder in (Feeder.LISTINGS, Feeder.BOOKS)
    return tuple(v for v in REGISTRY.values() if common or feeder in v.feeds)


def _generated_macros() -> list[str]:
    from echelon_pipeline.venues.macros import macros

    return macros(list(REGISTRY.values()))


def _macro_folders() -> list[str]:
    """Macros that read facts of venues, then the macros of venues."""
    return ["venues/macros", *(venue.macros for venue in REGISTRY.values() if venue.macros)]


for _venue in (KALSHI, POLYMARKET):
    register(_venue)
SOURCES.append(MacroSource(_generated_macros, _macro_folders))
