"""Checks of venues and instruments that a caller names, and facts about one instrument.

Belongs here: errors that name near ids. Tables and columns are ``catalog.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from echelon_pipeline.errors import NotFound
from echelon_pipeline.reading.catalog import did_you_mean
from echelon_pipeline.reading.frames import dicts
from echelon_pipeline.reading.order_books import recorded_span
from echelon_pipeline.reading.publication import OpenPublication

_VENUES = "SELECT DISTINCT venue FROM core.instruments ORDER BY venue"
_UNKNOWN = """
    SELECT id FROM (SELECT unnest($ids) AS id)
    WHERE id NOT IN (SELECT instrument_id FROM core.instruments) LIMIT 1
"""


def require_venues(publication: OpenPublication, venues: str | Sequence[str] | None) -> None:
    """Raises NotFound if a venue has no instruments; the message names near ones."""
    named = _listed(venues)
    if named:
        known = [row[0] for row in values(publication, _VENUES)]
        for venue in named:
            if venue not in known:
                hint = did_you_mean(venue, known)
                raise NotFound(f"{publication.place.path} has no venue {venue}{hint} It has {', '.join(known)}")


def require_instruments(publication: OpenPublication, instruments: str | Sequence[str] | None) -> None:
    """Raises NotFound if an instrument does not exist; the message names near ids."""
    named = _listed(instruments)
    unknown = values(publication, _UNKNOWN, {"ids": named}) if named else []
    if unknown:
        given = unknown[0][0]
        near = [row[0] for row in values(publication, shipped("near_instruments"), {"given": given})]
        hint = f": did you mean {' or '.join(near)}?" if near else "."
        raise NotFound(f"{publication.place.path} has no instrument {given}{hint} instruments(…) searches by name")


def recorded(publication: OpenPublication, instrument: str) -> tuple[datetime, datetime]:
    """The first and the last time at which a book of an instrument was recorded. Raises NotFound without one."""
    ((first, last),) = values(publication, recorded_span(instrument))
    if first is None:
        require_instruments(publication, instrument)
        raise NotFound(
            f"no order book of {instrument} was recorded: `instruments(has_books=True)` lists those with books, and "
            "since and until select a time anyway"
        )
    return first, last


def values(publication: OpenPublication, text: str, params: dict[str, object] | None = None) -> list[tuple[Any, ...]]:
    """The rows of a statement as tuples."""
    return [tuple(row.values()) for row in dicts(publication.rows(text, params))]


def shipped(name: str) -> str:
    """A statement of ``sql/reading``."""
    from echelon_pipeline.sqltools.statements import statement  # imports the settings

    return statement(f"reading/{name}").text


def _listed(names: str | Sequence[str] | None) -> list[str]:
    return [] if names is None else [names] if isinstance(names, str) else list(names)
