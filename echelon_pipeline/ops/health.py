"""Finds missing, partial and stale data in the lake, for the daily report and for ``echelon doctor``.

Belongs here: queries on the published file and on the records of refreshes. Failed runs come from Dagster
(``defs/assets/health.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.builds import EMPTIED, FAILED, outdated_marts
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.publish.lineage import guarded_refresh
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings

# Number of days in the report: it includes the days that sweeps read again.
DAYS = 8
# The refresh checks marts hourly; changes since its last check do not count as stale. An older check means that the
# refresh has stopped.
CHECKED_WITHIN = timedelta(hours=2)

_DAYS = """
    SELECT venue, table_name, date, state, complete_minutes, last_read_at, reasons
    FROM mart.data_quality
    WHERE state IN ('missing', 'partial', 'unavailable', 'stale') AND date >= $first AND date <= $today
    ORDER BY ALL
"""
_UNREAD = """
    SELECT venue, table_name, date, unread_rows, unread_share
    FROM mart.data_quality
    WHERE is_unread_over_limit AND date >= $first AND date <= $today
    ORDER BY ALL
"""


@dataclass(frozen=True)
class DataFinding:
    """``kind``: failed, missing, partial, unread, unavailable, stale. ``what``: the table, day or mart."""

    kind: str
    what: str
    detail: str


def findings(settings: Settings) -> list[DataFinding]:
    """All findings that need attention, worst first. Raises NotFound if nothing was published yet."""
    unsorted = [*_days(settings), *unread_days(settings), *_outdated_marts(settings), *_stale_marts(settings)]
    order = ("failed", "missing", "partial", "unread", "stale", "unavailable")
    return sorted(unsorted, key=lambda f: (order.index(f.kind), f.what))


def _span(settings: Settings) -> dict[str, date]:
    today = settings.clock().date()
    return {"first": max(settings.first_day, today - timedelta(days=DAYS)), "today": today}


def _days(settings: Settings) -> Iterator[DataFinding]:
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        rows = connection.execute(_DAYS, _span(settings)).fetchall()
    for venue, table, day, state, minutes, read_at, reasons in rows:
        read = f"last read {read_at:%Y-%m-%d %H:%M} UTC" if read_at else "never read"
        complete = "" if minutes is None else f", {minutes:.0f} of 1440 minutes complete"
        yield DataFinding(state, f"{venue} {table} {day}", "; ".join([read + complete, *(reasons or [])]))


def unread_days(settings: Settings) -> Iterator[DataFinding]:
    """Days of tables whose share of unreadable rows exceeds ECHELON_MAX_UNREAD_SHARE. Raises NotFound if nothing was
    published yet."""
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        unread = connection.execute(_UNREAD, _span(settings)).fetchall()
    for venue, table, day, count, share in unread:
        yield DataFinding(
            "unread",
            f"{venue} {table} {day}",
            f"{count:,} row(s) could not be read, {share:.2%} of the day (limit {settings.max_unread_share:.2%}); "
            f"mart.dead_letter_reasons has the reasons",
        )


def _outdated_marts(settings: Settings) -> Iterator[DataFinding]:
    """Marts that keep their last version: those that could not be built, and those that would have become empty."""
    lake = Lake.of(settings)
    for kind, name_of_kind in ((FAILED, "failed"), (EMPTIED, "stale")):
        for name, reason in outdated_marts(lake, kind).items():
            yield DataFinding(name_of_kind, name, f"its last version is kept: {reason}")


def _stale_marts(settings: Settings) -> Iterator[DataFinding]:
    refresh = guarded_refresh(settings)
    for mart in marts():
        parts = refresh.stale(mart, unless_since=datetime.now(UTC) - CHECKED_WITHIN)
        if parts:
            yield DataFinding(
                "stale", mart.name, f"{len(parts)} part(s) older than the inputs: {', '.join(parts[:3])} …"
            )
