"""What a venue does not have: which failures mean that, and how windows say so.

Belongs here: the rule that feeds and listings share. What is absent is recorded as ``unavailable`` with the
reason and never claimed; the rest of the unit of work goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echelon_pipeline.errors import EchelonError, NotAvailable, NotFound
from echelon_pipeline.lake.session import Counts, Session, Venue


def is_absent(error: EchelonError, asked: Sequence[object]) -> bool:
    """Whether a failure means that there is nothing to read, rather than that reading went wrong.

    A recorded universe says so itself. A venue's 404 says so only where one instrument was ``asked`` for: for
    several or for a whole feed it is a wrong address or a changed venue, which must stay an error.
    """
    return isinstance(error, NotAvailable) or (isinstance(error, NotFound) and len(asked) == 1)


def verdict(failure: EchelonError | None) -> tuple[str, str | None]:
    """State and reason of the window of a walk that ended so."""
    if failure is None:
        return "complete", None
    return "unavailable" if isinstance(failure, NotAvailable) else "partial", reason_of(failure)


def reason_of(failure: EchelonError) -> str:
    """A failure as the reason of a window."""
    return f"{type(failure).__name__}: {failure}"


def note(counts: Counts, failure: EchelonError, what: str) -> None:
    """Says in the run's metadata what could not be read."""
    counts.absent.append(f"{what} not available; nothing of them is claimed: {failure}")


def nothing_read(
    session: Session, venue: Venue, table: str, scope: str, span: tuple[datetime, datetime], failure: NotAvailable
) -> Counts:
    """A unit of work that could not even begin: the whole span is unavailable. Returns its counts."""
    counts = Counts()
    note(counts, failure, f"{table} is")
    with session.unit() as unit:
        state, reason = verdict(failure)
        session.windows.record([unit.window(venue, table, scope, span, state=state, reason=reason)])
    return counts
