"""What is missing, partial or stale: findings about the lake, for the daily report and for ``echelon doctor``.

Belongs here: questions to the published file and to the refresh's records. Runs that failed are Dagster's to tell.
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

# Days that are looked at: what the sweeps read again lies within them.
DAYS = 8
# Marts are looked at hourly: what changed since is the next look's. Older looks mean that nobody refreshes.
LOOKED_WITHIN = timedelta(hours=2)

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
class Finding:
    """``kind``: failed, missing, partial, unread, unavailable, stale. ``what``: the table, day or mart."""

    kind: str
    what: str
    detail: str


def findings(settings: Settings) -> list[Finding]:
    """Everything that somebody should look at, worst first. Raises NotFound where nothing was published yet."""
    found = [*_days(settings), *unread_days(settings), *_held_back(settings), *_stale_marts(settings)]
    order = ("failed", "missing", "partial", "unread", "stale", "unavailable")
    return sorted(found, key=lambda f: (order.index(f.kind), f.what))


def _span(settings: Settings) -> dict[str, date]:
    today = settings.clock().date()
    return {"first": max(settings.first_day, today - timedelta(days=DAYS)), "today": today}


def _days(settings: Settings) -> Iterator[Finding]:
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        rows = connection.execute(_DAYS, _span(settings)).fetchall()
    for venue, table, day, state, minutes, read_at, reasons in rows:
        read = f"last read {read_at:%Y-%m-%d %H:%M} UTC" if read_at else "never read"
        complete = "" if minutes is None else f", {minutes:.0f} of 1440 minutes complete"
        yield Finding(state, f"{venue} {table} {day}", "; ".join([read + complete, *(reasons or [])]))


def unread_days(settings: Settings) -> Iterator[Finding]:
    """Days of tables of which more than ECHELON_MAX_UNREAD_SHARE could not be read. Raises NotFound where nothing was
    published yet."""
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        unread = connection.execute(_UNREAD, _span(settings)).fetchall()
    for venue, table, day, count, share in unread:
        yield Finding(
            "unread",
            f"{venue} {table} {day}",
            f"{count:,} row(s) could not be read, {share:.2%} of the day (limit {settings.max_unread_share:.2%}); "
            f"why is in mart.dead_letter_reasons",
        )


def _held_back(settings: Settings) -> Iterator[Finding]:
    """Marts whose last version is kept: those that could not be built, and those that would have become empty."""
    lake = Lake.of(settings)
    for kind, word in ((FAILED, "failed"), (EMPTIED, "stale")):
        for name, reason in outdated_marts(lake, kind).items():
            yield Finding(word, name, f"its last version is kept: {reason}")


def _stale_marts(settings: Settings) -> Iterator[Finding]:
    refresh = guarded_refresh(settings)
    for mart in marts():
        parts = refresh.stale(mart, unless_since=datetime.now(UTC) - LOOKED_WITHIN)
        if parts:
            yield Finding("stale", mart.name, f"{len(parts)} part(s) older than the inputs: {', '.join(parts[:3])} …")
