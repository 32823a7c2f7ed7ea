"""Derives the days again that a new parser version made stale, a bounded number per round.

Belongs here: the round that a refresh and maintenance run. The newest days come first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from echelon_pipeline.domain.days import consecutive
from echelon_pipeline.ingest.rederive import PAGED, rederive
from echelon_pipeline.ingest.rederive_listings import LISTED
from echelon_pipeline.ingest.stale import Day, record_all, stale_days
from echelon_pipeline.ingest.versions import is_versioned
from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.venues.registry import venue_names


@dataclass
class StaleRound:
    """The result of a round, and the days that are left: (venue, table, number). ``dropped``: deleted rows that the
    newer parser does not make."""

    derived: list[tuple[Venue, str, int]] = field(default_factory=list)
    left: list[tuple[Venue, str, int]] = field(default_factory=list)
    dropped: int = 0

    def sentences(self) -> Iterator[str]:
        """The result for the user."""
        for venue, table, days in self.derived:
            yield f"{table} of {venue}: {days} day(s) of an older parser derived again"
        if self.dropped:
            yield f"{self.dropped:,} row(s) deleted: the newer parser does not make them"
        for venue, table, days in self.left:
            yield f"{table} of {venue}: {days} day(s) are of an older parser (`echelon rederive --table {table}`)"


def rederive_stale(session: Session, most: int) -> StaleRound:
    """Derives again, per table and venue, at most ``most`` days with rows of an older parser; tables without days and
    tables of listings as a whole, all of a venue in one pass over its listings."""
    result = StaleRound()
    for venue in venue_names():
        listed = {table: stale for table in LISTED if (stale := _stale(session, venue, table))}
        if listed and most:
            result.dropped += rederive(session, listed, [venue]).dropped
        for table, stale in listed.items():
            (result.derived if most else result.left).append((venue, table, len(stale)))
        for table in PAGED:
            stale = _stale(session, venue, table)
            some, rest = stale[:most], stale[most:]
            for days in consecutive(d for d in some if d is not None):
                result.dropped += rederive(session, [table], [venue], days).dropped
            if some:
                result.derived.append((venue, table, len(some)))
            if rest:
                result.left.append((venue, table, len(rest)))
    return result


def _stale(session: Session, venue: Venue, table: str) -> list[Day]:
    """Days of an older parser; records that there are none."""
    if not is_versioned(venue, table):
        return []
    stale = stale_days(session, venue, table)
    if not stale:
        record_all(session, venue, table)
    return stale
