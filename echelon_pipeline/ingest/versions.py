"""The payload kinds of each venue, and the current parser version of each table.

Belongs here: what is current. ``stale.py`` finds stored rows of older versions.
"""

from __future__ import annotations

from echelon_pipeline.lake.session import Venue
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.registry import venue_of


def kinds_of(venue: Venue, table: str) -> dict[str, PayloadKind]:
    """The kinds whose payloads make rows of a table, by endpoint."""
    return {name: kind for name, kind in venue_of(venue).kinds.items() if table in kind.outputs}


def is_versioned(venue: Venue, table: str) -> bool:
    """Whether rows of a venue's table carry the version of their parser."""
    return "parser_version" in TABLES[table].names and bool(kinds_of(venue, table))


def current_version(venue: Venue, table: str) -> int:
    """The current parser version of a table's rows; ValueError for a table without payload kinds."""
    found = {kind.version for kind in kinds_of(venue, table).values()}
    if len(found) != 1:
        raise ValueError(f"{table} of {venue}: expected one version of the parsers, got {sorted(found)}")
    return found.pop()
