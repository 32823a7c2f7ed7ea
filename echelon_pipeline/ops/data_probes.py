"""Checks of ``echelon doctor`` on the data: its age per venue and table, and days of an older parser.

Belongs here: read-only probes of the lake's content. Probes of its files are in ``store_probes.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from echelon_pipeline.ops.venue_probes import Finding, Level
from echelon_pipeline.settings import Settings

# Tables that the schedules read at least hourly. Others are read daily, or only while listeners record.
CURRENT = ("core.instruments", "core.trades", "core.daily_prices")
_OLD = "Start the schedules (`ECHELON_SCHEDULES=true echelon ui`), or run `echelon ingest`; failed runs say why."


def examine_data(settings: Settings) -> Iterator[Finding]:
    """Findings about existing tables; nothing if the lake is empty or cannot be read, which other checks report."""
    try:
        ages = _read_at(settings)
        stale = _stale_days(settings) if ages else {}  # an empty lake has no rows of a parser
    except Exception:  # noqa: BLE001 - another check reports a table that cannot be opened
        return
    now = settings.clock()
    for venue, tables in ages.items():
        yield _age(venue, {table: now - read_at for table, read_at in tables.items()}, settings)
    if ages:
        yield _parsers(stale)


def _age(venue: str, ages: dict[str, timedelta], settings: Settings) -> Finding:
    limit = timedelta(hours=settings.stale_hours)
    old = [table for table in CURRENT if ages.get(table, timedelta(0)) > limit]
    text = ", ".join(f"{table} {shown(age)}" for table, age in ages.items())
    data = {"seconds": {table: round(age.total_seconds()) for table, age in ages.items()}, "old": old}
    if old:
        text = f"{', '.join(old)}: older than {settings.stale_hours} h (ECHELON_STALE_HOURS); {text}"
        return Finding(Level.WARN, f"age of data, {venue}", text, _OLD, data)
    return Finding(Level.OK, f"age of data, {venue}", text, data=data)


def _parsers(stale: dict[str, int]) -> Finding:
    if not stale:
        return Finding(Level.OK, "parsers", "all rows are of the current parsers", data={"stale_days": {}})
    text = ", ".join(f"{name}: {days} day(s)" for name, days in stale.items())
    advice = "`echelon refresh` derives some days again per run, `echelon rederive` all of them at once."
    return Finding(Level.WARN, "parsers", f"rows of an older parser: {text}", advice, {"stale_days": stale})


def _read_at(settings: Settings) -> dict[str, dict[str, datetime]]:
    from echelon_pipeline.lake.lake import Lake
    from echelon_pipeline.lake.windows import TABLE
    from echelon_pipeline.sqltools.statements import statement

    lake, found = Lake.of(settings), dict[str, dict[str, datetime]]()
    if lake.version(TABLE) is None:
        return found
    with lake.duck(private=True) as connection:
        connection.execute(f"CREATE TEMP VIEW windows AS {lake.scan(TABLE)}")
        for venue, table, read_at in connection.execute(statement("health/ages").text).fetchall():
            found.setdefault(venue, {})[table] = read_at
    return found


def _stale_days(settings: Settings) -> dict[str, int]:
    """Number of days of an older parser, by table and venue; a table without days counts as one."""
    from echelon_pipeline.ingest.stale import stale_days
    from echelon_pipeline.ingest.versions import is_versioned
    from echelon_pipeline.lake.session import Session
    from echelon_pipeline.tables import TABLES
    from echelon_pipeline.venues.registry import venue_names

    session = Session.of(settings)
    counts = {
        f"{table} of {venue}": len(stale_days(session, venue, table))
        for venue in venue_names()
        for table in TABLES
        if is_versioned(venue, table)
    }
    return {name: days for name, days in counts.items() if days}


def shown(age: timedelta) -> str:
    """An age for people: 12 min, 5 h, 3 days."""
    minutes = max(0, int(age.total_seconds() // 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
