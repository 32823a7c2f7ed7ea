"""What a change of the parsers made stale, derived again a few days at a time.

Belongs here: the bounded round that a refresh and maintenance do. The newest days come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby

from echelon_pipeline.ingest.rederive import PAGED, Rederived, rederive
from echelon_pipeline.ingest.rederive_listings import LISTED
from echelon_pipeline.ingest.stale import Day, record_all, stale_days
from echelon_pipeline.ingest.versions import is_versioned
from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.venues.registry import venue_names


@dataclass
class StaleRound:
    """What a round did, and the days that it left: (venue, table, how many)."""

    derived: list[tuple[Venue, str, int]] = field(default_factory=list)
    left: list[tuple[Venue, str, int]] = field(default_factory=list)
    done: list[Rederived] = field(default_factory=list)

    def sentences(self) -> Iterator[str]:
        """For people."""
        for venue, table, days in self.derived:
            yield f"{table} of {venue}: {days} day(s) of an older parser derived again"
        for venue, table, days in self.left:
            yield f"{table} of {venue}: {days} day(s) are of an older parser (`echelon rederive --table {table}`)"


def rederive_stale(session: Session, most: int) -> StaleRound:
    """Derives again at most so many days of each table and venue that an older version of the parsers made; a table
    without days, or of listings, at once."""
    found = StaleRound()
    for venue in venue_names():
        for table in (*LISTED, *PAGED):
            if not is_versioned(venue, table):
                continue
            stale = stale_days(session, venue, table)
            if not stale:
                record_all(session, venue, table)
            some = stale if table in LISTED and most else stale[:most]
            for days in [[]] if table in LISTED and some else _runs(some):
                found.done.append(rederive(session, [table], [venue], days))
            if some:
                found.derived.append((venue, table, len(some)))
            if len(stale) > len(some):
                found.left.append((venue, table, len(stale) - len(some)))
    return found


def _runs(days: Sequence[Day]) -> list[list[date]]:
    """Days that follow each other."""
    dated = sorted(d for d in days if d is not None)
    runs = groupby(enumerate(dated), key=lambda pair: pair[1] - timedelta(days=pair[0]))
    return [[day for _, day in run] for _, run in runs]
