"""Records the instruments that a run gave up in its windows and its metadata.

Belongs here: reasons and windows. ``venues/narrowing.py`` decides which members of a batch are given up. The next run
requests them again, and no window claims them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.errors import EchelonError
from echelon_pipeline.ingest.unavailable import reason_of
from echelon_pipeline.lake.session import Counts, Session, Unit
from echelon_pipeline.lake.windows import Window

NAMED = 5  # members named in a message; every member has its own window


def given_up_reason(given_up: Mapping[str, EchelonError]) -> str | None:
    """The reason for a window with members that were given up; None without any."""
    if not given_up:
        return None
    names = ", ".join(list(given_up)[:NAMED]) + (" …" if len(given_up) > NAMED else "")
    why = reason_of(next(iter(given_up.values())))
    return f"{len(given_up)} could not be read and will be asked for again: {names}: {why}"


def note_given_up(counts: Counts, given_up: Mapping[str, EchelonError], what: str) -> None:
    """Adds the members that were given up to the run's metadata and the command's last lines."""
    if reason := given_up_reason(given_up):
        counts.absent.append(f"{what}: {reason}")


def given_up_before(session: Session, venue: str, table: str) -> list[str]:
    """Ids of the instruments that earlier runs gave up in a table and no run has read since."""
    return [str(InstrumentId(venue, native)) for native in session.windows.given_up(venue, table)]


def windows_of(
    unit: Unit, venue: str, table: str, span: tuple[datetime, datetime], given_up: Mapping[str, EchelonError]
) -> list[Window]:
    """A partial window for each member that was given up, in its own scope."""
    return [
        unit.window(venue, table, str(InstrumentId(venue, name)), span, state="partial", reason=reason_of(error))
        for name, error in given_up.items()
    ]
