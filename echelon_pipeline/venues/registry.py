"""The venues that there are: each is registered once, here, and everything else asks.

Belongs here: the list, and the macros by which statements ask for a venue's facts. What a venue has is in its folder.
"""

from __future__ import annotations

from dataclasses import fields

from echelon_pipeline.settings.model import use_group
from echelon_pipeline.sqltools.duck import MADE_MACROS
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.venues.base import Facts, Venue
from echelon_pipeline.venues.kalshi.venue import KALSHI
from echelon_pipeline.venues.polymarket.venue import POLYMARKET

REGISTRY: dict[str, Venue] = {}


def register(venue: Venue) -> None:
    """Makes a venue known. Raises ValueError where its name is taken."""
    if venue.name in REGISTRY:
        raise ValueError(f"a venue named {venue.name!r} is registered already")
    use_group(venue.settings)
    REGISTRY[venue.name] = venue


def unregister(name: str) -> None:
    """Forgets a venue; its group of settings stays. For tests."""
    del REGISTRY[name]


def venue_of(name: str) -> Venue:
    """The venue of a name; KeyError says which there are."""
    try:
        return REGISTRY[name]
    except KeyError:
        raise KeyError(f"no venue {name!r}; there are {', '.join(REGISTRY)}") from None


def venue_names() -> tuple[str, ...]:
    """Names in the order of registration."""
    return tuple(REGISTRY)


def feeding(feeder: str) -> tuple[Venue, ...]:
    """The venues that have a feed of a kind; all have listings and streams."""
    return tuple(v for v in REGISTRY.values() if feeder in v.feeds)


def macros() -> list[str]:
    """Statements that create what SQL asks: ``known_venue(venue)``, ``venue_title(venue)``, one macro per fact,
    ``venue_names()`` as a text, ``is_unlisted_combo(instrument_id)``."""
    asked = {f.name: [v.name for v in REGISTRY.values() if getattr(v.facts, f.name)] for f in fields(Facts)}
    made = [_macro(f"venue_{fact}(venue)", _among(names)) for fact, names in asked.items()]
    titles = " ".join(f"WHEN {literal(v.name)} THEN {literal(v.title)}" for v in REGISTRY.values())
    return [
        *made,
        _macro("known_venue(venue)", _among(list(REGISTRY))),
        _macro("venue_title(venue)", f"CASE venue {titles} ELSE venue END"),
        _macro("venue_names()", literal(" or ".join(sorted(REGISTRY, reverse=True)))),
        _macro("is_unlisted_combo(instrument_id)", " OR ".join(_combos(v) for v in _unlisting()) or "false"),
    ]


def _macro(head: str, body: str) -> str:
    return f"CREATE OR REPLACE MACRO {head} AS ({body})"


def _among(names: list[str]) -> str:
    return f"venue IN ({', '.join(map(literal, names))})" if names else "venue IS NULL AND false"


def _unlisting() -> list[Venue]:
    return [v for v in REGISTRY.values() if v.unlisted_combos is not None]


def _combos(venue: Venue) -> str:
    """Bounds first: they skip files and row groups, which a pattern does not."""
    if venue.unlisted_combos is None:
        return "false"
    first, last, pattern = venue.unlisted_combos
    low, high, whole = (literal(f"{venue.name}:{text}") for text in (first, last, pattern))
    return f"instrument_id >= {low} AND instrument_id < {high} AND regexp_full_match(lower(instrument_id), {whole})"


for _venue in (KALSHI, POLYMARKET):
    register(_venue)
MADE_MACROS.append(macros)
