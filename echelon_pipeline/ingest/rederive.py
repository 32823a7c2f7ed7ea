"""Derives core tables again from raw. The rows are the same, whatever the state of the tables.

A first derivation and this one are the same path: ``Deriver.parse`` of some raw objects, then ``Deriver.commit``. What
a unit of work knew in addition to its payloads is recorded: the request of each page and from where on its walk was
kept (``raw.pages``), and which listings were fetched (windows of ``raw.objects``). A unit is derived again from its
record, without requests to a venue.

Order. Units are derived in the order of fetching, so that the same reading of a row counts; instruments come before
tables that need their outcomes, trades before prices computed from them. Days are event days, not days of receipt:
pages are selected by the times of their rows. Tables without days (instruments,
payouts) are derived as a whole; tables of books hour by hour from recorded segments (``streams/rederive_hours.py``).

Memory. Pages are split into parts of as many objects as an ingest commits at once. Trades are split by time, and a row
belongs to the part that contains its time: the rows of a transaction have one time, so a part has all of them.

Missing raw. Rows are merged: imported rows, and rows whose raw is missing, stay with the parser version that made them.
Only rows that a newer parser no longer makes of an existing payload are deleted. A page of which raw lacks an object is
skipped, and so are rows of the same walk at its times, because a transaction may span two pages. Where its rows are
missing as well, windows stop claiming them (``lost_pages.py``). Known dead letters stay unchanged, new ones are added.

After a kill at any point, running it again ends with the same rows: each commit is a merge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from echelon_pipeline.domain.batches import batches
from echelon_pipeline.domain.days import every_day
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.lost_pages import gone, lost, open_windows, unrecorded
from echelon_pipeline.ingest.page_parts import PRICES, TRADES, keep_part, parts
from echelon_pipeline.ingest.pages import StoredPage, pages_of, units_of
from echelon_pipeline.ingest.prices import prices_from_trades
from echelon_pipeline.ingest.rederive_listings import LISTED, RESOLUTIONS, rederive_listings
from echelon_pipeline.ingest.stale import drop_unmade, record_days, stale_days
from echelon_pipeline.ingest.versions import is_versioned, kinds_of
from echelon_pipeline.lake.raw import OBJECTS
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.streams.book_tables import BOOK_TABLES
from echelon_pipeline.streams.recordings import WINDOWED
from echelon_pipeline.streams.rederive_hours import rederive_hours
from echelon_pipeline.venues.registry import venue_names

# In the order of derivation; payouts come with the listings.
PAGED = (PRICES, TRADES, "core.fills", "core.builder_leaderboard")
ALL_TIME: Span = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
_DAY = timedelta(days=1)
# Units per look-up of pages, and days per commit of prices from trades.
UNITS, DAYS = 100, 30


@dataclass(frozen=True)
class Gap:
    """A day that could not be derived again completely. ``is_gone``: rows are lost, and windows say so; otherwise all
    stored rows stay. ``day``: None for tables without days; ``pages``: the number of missing pages (of listings:
    listings, of books: hours)."""

    venue: str
    table: str
    day: date | None
    pages: int
    is_gone: bool


@dataclass
class Rederived:
    """The result. ``dropped``: rows of an older parser that the current one does not make of the same payloads."""

    counts: Counts = field(default_factory=Counts)
    dropped: int = 0
    gaps: list[Gap] = field(default_factory=list)


def rederivable() -> tuple[str, ...]:
    """Tables that can be derived again."""
    return (*LISTED, *PAGED, *BOOK_TABLES)


def require_rederivable(tables: Collection[str]) -> None:
    """Raises BadSettings if a table is not derived from raw."""
    if unknown := sorted(set(tables) - set(rederivable())):
        raise BadSettings(f"{', '.join(unknown)}: expected tables among {', '.join(rederivable())}")


def rederive(
    session: Session, tables: Collection[str] = (), venues: Sequence[Venue] = (), days: Sequence[date] = ()
) -> Rederived:
    """Derives tables (default: all) again from raw; ``days``: event days, default all.

    Raises BadSettings for a table that is not derived from raw; Conflict, DiskFull, RuleViolation, CorruptStore.
    """
    require_rederivable(tables)
    wanted = frozenset(tables or rederivable())
    absent = session.lake.missing_files(OBJECTS)
    done = Rederived()
    for venue in venues or venue_names():
        _listed(session, venue, wanted & set(LISTED), absent, done)
        _dated(session, venue, wanted, _span(days), absent, done)
    return done


def _listed(session: Session, venue: Venue, tables: frozenset[str], absent: Collection[str], done: Rederived) -> None:
    if not tables:
        return
    counts, units, is_gone = rederive_listings(session, venue, tables, absent, ALL_TIME)
    done.counts.add(counts)
    done.gaps += [Gap(venue, table, None, units, is_gone) for table in sorted(tables) if units]
    if RESOLUTIONS in tables:
        _paged(session, venue, RESOLUTIONS, ALL_TIME, absent, done)
    _settle(session, venue, sorted(tables), ALL_TIME, absent, done)


def _dated(
    session: Session, venue: Venue, tables: frozenset[str], span: Span, absent: Collection[str], done: Rederived
) -> None:
    paged = [table for table in PAGED if table in tables and kinds_of(venue, table)]
    for table in paged:
        _paged(session, venue, table, span, absent, done)
    if tables & {TRADES, PRICES}:
        done.counts.add(prices_of_trades(session, venue, span))
    _settle(session, venue, paged, span, absent, done)
    if tables & set(BOOK_TABLES):
        counts, hours = rederive_hours(session, venue, span)
        done.counts.add(counts)
        done.gaps += [Gap(venue, WINDOWED, day, pages, is_gone) for day, pages, is_gone in hours]


def _settle(
    session: Session, venue: Venue, tables: Sequence[str], span: Span, absent: Collection[str], done: Rederived
) -> None:
    """Drops or records the rows of older parsers that are left in a span."""
    for table in tables:
        if is_versioned(venue, table):
            days = [d for d in stale_days(session, venue, table) if d is None or span[0].date() <= d < span[1].date()]
            if not any((g.venue, g.table) == (venue, table) for g in done.gaps):
                done.dropped += drop_unmade(session, venue, table, days, absent)
            record_days(session, venue, table, days)


def _span(days: Sequence[date]) -> Span:
    if not days:
        return ALL_TIME
    return datetime.combine(min(days), time(), UTC), datetime.combine(max(days), time(), UTC) + _DAY


def _paged(session: Session, venue: Venue, table: str, span: Span, absent: Collection[str], done: Rederived) -> None:
    units = units_of(session, venue, table, span)
    missing: list[StoredPage] = unrecorded(session, venue, table, span)
    for first in range(0, len(units), UNITS):
        session.progress(f"{venue} {table} again", first, len(units))
        pages = pages_of(session, venue, table, units[first : first + UNITS], span)
        gaps = lost(session, venue, table, pages, absent)
        for unit_id, read in pages.items():
            missing += gaps[unit_id]
            lacking = {p.request.page for p in gaps[unit_id]}
            whole = [p for p in read if p.request.page not in lacking]
            for part, some in parts(table, whole, span, session.settings.raw_flush_objects):
                done.counts.add(_derive(session, venue, table, part, some, gaps[unit_id], absent))
    session.progress(f"{venue} {table} again", len(units), len(units))
    rows_gone = frozenset(gone(session, venue, table, missing))
    with session.unit() as unit:
        open_windows(unit, venue, table, rows_gone)
    done.gaps += _gaps(venue, table, span, missing, rows_gone)


def _derive(
    session: Session,
    venue: Venue,
    table: str,
    part: Span,
    pages: Sequence[StoredPage],
    gaps: Sequence[StoredPage],
    absent: Collection[str],
) -> Counts:
    """Derives some pages of a unit and keeps the rows of one part of time."""
    with session.unit() as unit:
        deriver = Deriver(unit, kinds_of(venue, table), again=True, tables=frozenset({table}), absent=absent)
        source = RawSlice(venue, (pages[0].unit_id,), only_pages=tuple(p.request.page for p in pages))
        requests = None if table == "core.builder_leaderboard" else [p.request for p in pages]
        deriver.parse(source, keep={table: keep_part(table, part, pages, gaps)}, requests=requests)
        return deriver.commit()


def prices_of_trades(session: Session, venue: Venue, span: Span) -> Counts:
    """Prices of the days of a span that have trades."""
    total = Counts()
    snapshot = session.lake.open(TRADES)
    files = snapshot.files if snapshot else ()
    dates = {f.day for f in files if f.partition[0] == venue and span[0].date() <= f.day < span[1].date()}
    for days in batches(sorted(dates), DAYS):
        total.add(prices_from_trades(session, venue, days))
    return total


def _gaps(
    venue: str, table: str, span: Span, missing: Sequence[StoredPage], rows_gone: Collection[StoredPage]
) -> Iterator[Gap]:
    """The days of missing pages."""
    days: dict[date, tuple[int, bool]] = {}
    for page in missing:
        tick, (first, last) = timedelta(microseconds=1), page.request.claimed
        begin, end = max(page.low, first, span[0]), min(page.high, last - tick, span[1] - tick)
        for day in every_day(begin.date(), end.date()):
            pages, is_gone = days.get(day, (0, False))
            days[day] = pages + 1, is_gone or page in rows_gone
    for day, (pages, is_gone) in sorted(days.items()):
        yield Gap(venue, table, day, pages, is_gone)
