"""Tables of books once more from recorded segments, hour by hour.

Belongs here: which hours. An hour replaces its rows, so one that lacks segments is left alone where the tables have its
rows. Where they have not, it is derived from what is left, whose books are unknown after each hole; without any segment
its window says so and it is not derived again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

from echelon_pipeline.lake.delta import Where
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.streams.book_tables import derive_hour
from echelon_pipeline.streams.hours import HOUR, present
from echelon_pipeline.streams.intents import intents_of
from echelon_pipeline.streams.recordings import SCOPE, WINDOWED, Hour, has_lost_segments, hours_known

Gaps = list[tuple[date, int, bool]]


def rederive_hours(session: Session, venue: Venue, span: Span) -> tuple[Counts, Gaps]:
    """Derives the hours of a span again. Gives what was done, and per day how many hours have no segments any more
    and whether rows of one are gone. Raises as derive_hour()."""
    total, lost = Counts(), Counter[tuple[date, bool]]()
    intents = intents_of(session, venue)(span[0], span[1] + HOUR)
    hours = hours_known(session, venue, span, intents, present(session.settings))
    for number, (hour, window) in enumerate(hours):
        session.progress(f"{venue} books again", number, len(hours))
        is_whole = window is None or not has_lost_segments(hour, window)
        had_rows = window is not None and (window.rows > 0 or window.state == "unavailable")
        is_gone = not is_whole and had_rows and not _has_rows(session, hour)
        if is_whole or (is_gone and hour.chains):
            total.add(derive_hour(session, hour))
        elif window is not None and is_gone and window.state != "unavailable":
            _say_gone(session, hour)
        if not is_whole:
            lost[hour.starts_at.date(), is_gone] += 1
    return total, [(day, count, is_gone) for (day, is_gone), count in sorted(lost.items())]


def _has_rows(session: Session, hour: Hour) -> bool:
    where: Where = {"venue": [hour.venue], "date": [hour.starts_at.date()], "hour": [hour.starts_at.hour]}
    return bool(session.lake.files(WINDOWED, where=where))


def _say_gone(session: Session, hour: Hour) -> None:
    """Under the digest of the hour as it is now, so that nothing derives it empty."""
    with session.unit() as unit:
        reason = "its segments are gone, and so are its rows"
        span = (hour.starts_at, hour.ends_at)
        opened = unit.window(hour.venue, WINDOWED, SCOPE, span, state="unavailable", reason=reason)
        session.windows.record([replace(opened, unit_id=hour.digest)], as_of=hour.looked_at)
