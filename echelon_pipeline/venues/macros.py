"""Macros by which statements ask what is true of a venue: ``venue_has_tokens(venue)`` and the like.

Belongs here: their text, made from registrations. They are in every session and in the published file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.venues.base import Facts, Venue


def macros(venues: Sequence[Venue]) -> list[str]:
    """Statements that create what SQL asks: ``known_venue(venue)``, ``venue_title(venue)``, one macro per fact,
    ``venue_names()`` as a text, ``is_unlisted_combo(instrument_id)``."""
    asked = {f.name: [v.name for v in venues if getattr(v.facts, f.name)] for f in fields(Facts)}
    made = [_macro(f"venue_{fact}(venue)", _among(names)) for fact, names in asked.items()]
    titles = " ".join(f"WHEN {literal(v.name)} THEN {literal(v.title)}" for v in venues)
    combos = " OR ".join(_combos(v) for v in venues if v.unlisted_combos)
    return [
        *made,
        _macro("known_venue(venue)", _among([v.name for v in venues])),
        _macro("venue_title(venue)", f"CASE venue {titles} ELSE venue END"),
        _macro("venue_names()", literal(" or ".join(sorted((v.name for v in venues), reverse=True)))),
        _macro("is_unlisted_combo(instrument_id)", combos or "false"),
    ]


def _macro(head: str, body: str) -> str:
    return f"CREATE OR REPLACE MACRO {head} AS ({body})"


def _among(names: list[str]) -> str:
    return f"venue IN ({', '.join(map(literal, names))})" if names else "venue IS NULL AND false"


def _combos(venue: Venue) -> str:
    """Bounds first: they skip files and row groups, which a pattern does not."""
    if venue.unlisted_combos is None:
        return "false"
    first, last, pattern = venue.unlisted_combos
    low, high, whole = (literal(f"{venue.name}:{text}") for text in (first, last, pattern))
    return f"instrument_id >= {low} AND instrument_id < {high} AND regexp_full_match(lower(instrument_id), {whole})"
