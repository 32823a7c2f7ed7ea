"""Data that a venue does not have: which failures mean that, and how windows record it.

Belongs here: the rule that feeds and listings share. Missing data is recorded as ``unavailable`` with the reason and
never claimed; the rest of the unit of work continues.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echelon_pipeline.errors import EchelonError, NotAvailable, NotFound
from echelon_pipeline.lake.session import Counts, Session, Venue


def means_unavailable(error: EchelonError, requested: Sequence[object]) -> bool:
    """Whether a failure means that the data does not exist, rather than that reading it failed.

    A recorded universe reports it. A 404 means it only where a single instrument was ``requested``: for several
    instruments or a whole feed it is a wrong address or a changed venue, which must stay an error.
    """
    return isinstance(error, NotAvailable) or (isinstance(error, NotFound) and len(requested) == 1)


def window_state(failure: EchelonError | None) -> tuple[str, str | None]:
    """State and reason of the window of a walk that ended with this failure, or without one."""
    if failure is None:
        return "complete", None
    return "unavailable" if isinstance(failure, NotAvailable) else "partial", reason_of(failure)


def reason_of(failure: EchelonError) -> str:
    """A failure as the reason of a window."""
    return f"{type(failure).__name__}: {failure}"


def note(counts: Counts, failure: EchelonError, what: str) -> None:
    """Adds to the run's metadata what could not be read."""
    counts.absent.append(f"{what} not available; nothing of them is claimed: {failure}")


def nothing_read(
    session: Session, venue: Venue, table: str, scope: str, span: tuple[datetime, datetime], failure: NotAvailable
) -> Counts:
    """Records the whole span as unavailable, for a unit of work that could not start. Returns its counts."""
    counts = Counts()
    note(counts, failure, f"{table} is")
    with session.unit() as unit:
        state, reason = window_state(failure)
        session.windows.record([unit.window(venue, table, scope, span, state=state, reason=reason)])
    return counts
