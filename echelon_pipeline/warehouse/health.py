"""What is missing, partial or stale: findings about the lake, for the daily report and for ``echelon doctor``.

Belongs here: questions to the published file and to the refresh's records. Runs that failed are Dagster's to tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from echelon_pipeline.settings import Settings
from echelon_pipeline.warehouse.marts import marts
from echelon_pipeline.warehouse.reader import read_published
from echelon_pipeline.warehouse.refresh import Refresh

# Finished days that are looked at: what the sweeps read again lies within them.
DAYS = 8
# The configured scope is listed every 15 minutes; two hours without a listing are a fault.
LISTED_WITHIN = timedelta(hours=2)

_COVERAGE = """
    SELECT venue, table_name, date, complete_minutes, partial_minutes, unavailable_minutes, missing_minutes, reasons
    FROM core.coverage_daily
    WHERE table_name IN ('core.trades', 'core.daily_prices') AND date >= $first AND date < $today
    QUALIFY complete_minutes = max(complete_minutes) OVER (PARTITION BY venue, table_name, date)
    ORDER BY ALL
"""
_LISTED = (
    "SELECT venue, max(to_at) FROM core.ingest_windows WHERE scope LIKE 'listings:%' GROUP BY venue ORDER BY venue"
)


@dataclass(frozen=True)
class Finding:
    """``kind``: missing, partial, unavailable, stale. ``what``: the table, day or mart."""

    kind: str
    what: str
    detail: str


def findings(settings: Settings) -> list[Finding]:
    """Everything that somebody should look at, worst first. Raises NotFound where nothing was published yet."""
    found = [*_coverage(settings), *_freshness(settings), *_stale_marts(settings)]
    order = ("missing", "partial", "stale", "unavailable")
    return sorted(found, key=lambda f: (order.index(f.kind), f.what))


def _coverage(settings: Settings) -> Iterator[Finding]:
    today = settings.clock().date()
    days = {"first": max(settings.first_day, today - timedelta(days=DAYS)), "today": today}
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        rows = connection.execute(_COVERAGE, days).fetchall()
    for venue, table, day, complete, partial, unavailable, missing, reasons in rows:
        if complete >= 1440:
            continue
        minutes = {"missing": missing, "partial": partial, "unavailable": unavailable}
        kind = max(minutes, key=lambda k: minutes[k])
        yield Finding(
            kind, f"{venue} {table} {day}", f"{minutes[kind]:.0f} of 1440 minutes; {'; '.join(reasons or [])}"
        )


def _freshness(settings: Settings) -> Iterator[Finding]:
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        rows = connection.execute(_LISTED).fetchall()
    for venue, listed_at in rows:
        age = settings.clock() - listed_at
        if age > LISTED_WITHIN:
            yield Finding("stale", f"{venue} listings", f"last read {listed_at:%Y-%m-%d %H:%M} UTC, {age} ago")


def _stale_marts(settings: Settings) -> Iterator[Finding]:
    refresh = Refresh(settings)
    for mart in marts():
        parts = refresh.stale(mart)
        if parts:
            yield Finding("stale", mart.name, f"{len(parts)} part(s) older than the inputs: {', '.join(parts[:3])} …")
