"""Core tables once more from raw: the same rows, whatever became of the tables.

A first derivation and this one are the same path: ``Deriver.parse`` of some raw objects, then ``Deriver.commit``. What
a unit of work knew beside its payloads is on record: what each page was asked for and from where on its walk was kept
(``raw.pages``), and which listings were fetched (windows of ``raw.objects``). So a unit is derived again by reading its
record; nothing is asked of a venue.

Order. Units follow each other as they were fetched, so that of two readings the same one counts; instruments come
before what their outcomes are needed for, trades before the prices that are made of them. Days are days of events,
whatever day their raw was received on: pages are chosen by the times of their rows. Tables without days (instruments,
payouts) are derived whole; tables of books hour by hour from recorded segments (``streams/rederive_hours.py``).

Memory. Pages are cut into parts of as many objects as an ingest commits at once. Trades are cut at instants, and a row
is kept by the part that its time lies in: the rows of a transaction have one time, so a part has all of them.

What is not there. Rows are merged, never deleted: what was imported, or whose raw is gone, stays with the version of
the parsers that made it. A page of which raw lacks an object is passed over whole, and so are rows of the same walk at
its times, because a transaction may go over a page's end. Where its rows are gone as well, windows stop claiming them
(``lost_pages.py``). Dead letters that are known stay as they are, new ones are added.

Killed anywhere, it ends with the same rows when it is run again: each commit is a merge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.lost_pages import gone, lost, open_windows, unrecorded
from echelon_pipeline.ingest.pages import StoredPage, pages_of, units_of
from echelon_pipeline.ingest.prices import stage_prices
from echelon_pipeline.ingest.rederive_listings import LISTED, RESOLUTIONS, rederive_listings
from echelon_pipeline.ingest.versions import feeding
from echelon_pipeline.ingest.walk_progress import instant
from echelon_pipeline.lake.raw import OBJECTS
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.streams.book_tables import BOOK_TABLES
from echelon_pipeline.streams.recordings import WINDOWED
from echelon_pipeline.streams.rederive_hours import rederive_hours
from echelon_pipeline.venues.registry import venue_names

TRADES, PRICES = "core.trades", "core.daily_prices"
# In the order of derivation; payouts come with the listings.
PAGED = (PRICES, TRADES, "core.fills", "core.builder_leaderboard")
ALL_TIME: Span = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Gap:
    """A day that could not be derived again whole. ``is_gone``: rows of it are lost, and windows say so; else all rows
    that were there stay as they are. ``day``: None for tables without days; ``pages``: how many are missing (of
    listings: listings, of books: hours)."""

    venue: str
    table: str
    day: date | None
    pages: int
    is_gone: bool


@dataclass
class Rederived:
    """What was done."""

    counts: Counts = field(default_factory=Counts)
    gaps: list[Gap] = field(default_factory=list)


def rederivable() -> tuple[str, ...]:
    """Tables that can be asked for."""
    return (*LISTED, *PAGED, *BOOK_TABLES)


def rederive(
    session: Session, tables: Collection[str] = (), venues: Sequence[Venue] = (), days: Sequence[date] = ()
) -> Rederived:
    """Derives tables (default: all) again from raw; ``days``: of events, default all.

    Raises BadSettings for a table that no raw object makes rows of; Conflict, DiskFull, RuleViolation, CorruptStore.
    """
    if unknown := sorted(set(tables) - set(rederivable())):
        raise BadSettings(f"{', '.join(unknown)}: expected tables among {', '.join(rederivable())}")
    wanted = set(tables or rederivable())
    span = _span(days)
    absent = session.lake.absent(OBJECTS)
    done = Rederived()
    for venue in venues or venue_names():
        if listed := wanted & set(LISTED):
            counts, units, is_gone = rederive_listings(session, venue, frozenset(listed), absent, ALL_TIME)
            done.counts.add(counts)
            done.gaps += [Gap(venue, table, None, units, is_gone) for table in sorted(listed) if units]
            if RESOLUTIONS in listed:
                _paged(session, venue, RESOLUTIONS, ALL_TIME, absent, done)
        for table in PAGED:
            if table in wanted and feeding(venue, table):
                _paged(session, venue, table, span, absent, done)
        if wanted & {TRADES, PRICES}:
            done.counts.add(prices_of_trades(session, venue, span))
        if wanted & set(BOOK_TABLES):
            counts, hours = rederive_hours(session, venue, span)
            done.counts.add(counts)
            done.gaps += [Gap(venue, WINDOWED, day, pages, is_gone) for day, pages, is_gone in hours]
    return done


def _span(days: Sequence[date]) -> Span:
    if not days:
        return ALL_TIME
    return datetime.combine(min(days), time(), UTC), datetime.combine(max(days), time(), UTC) + _DAY


def _paged(session: Session, venue: Venue, table: str, span: Span, absent: Collection[str], done: Rederived) -> None:
    units = units_of(session, venue, table, span)
    missing: list[StoredPage] = unrecorded(session, venue, table, span)
    for number, unit_id in enumerate(units):
        session.progress(f"{venue} {table} again", number, len(units))
        pages = pages_of(session, venue, table, unit_id, span)
        gaps = lost(session, venue, table, pages, absent)
        missing += gaps
        whole = [p for p in pages if p not in gaps]
        for part, some in _parts(session, table, whole, span):
            done.counts.add(_derive(session, venue, table, part, some, gaps, absent))
    session.progress(f"{venue} {table} again", len(units), len(units))
    rows_gone = gone(session, venue, table, missing)
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
    """Some pages of a unit, and of their rows those of a part of time."""
    with session.unit() as unit:
        deriver = Deriver(unit, feeding(venue, table), again=True, tables=frozenset({table}), absent=absent)
        source = RawSlice(venue, (pages[0].unit_id,), only_pages=tuple(p.asked.page for p in pages))
        asked = None if table == "core.builder_leaderboard" else [p.asked for p in pages]
        deriver.parse(source, keep={table: _keep(table, part, pages, gaps)}, asked=asked)
        return deriver.commit()


def _parts(
    session: Session, table: str, pages: Sequence[StoredPage], span: Span
) -> Iterator[tuple[Span, Sequence[StoredPage]]]:
    """Pages and a part of time, of as many objects as an ingest commits at once."""
    limit = session.settings.raw_flush_objects
    if table == TRADES:
        yield from time_parts(pages, span, limit)
    elif table == RESOLUTIONS:  # derived between the listings
        return
    elif table == "core.builder_leaderboard":  # all rows of a ranking have the time of its first page
        yield from [(span, pages)] if pages else []
    else:
        for some in _runs(pages, max(1, limit // 20) if table == PRICES else limit):
            yield span, some


def time_parts(pages: Sequence[StoredPage], span: Span, limit: int) -> Iterator[tuple[Span, list[StoredPage]]]:
    """Parts of a span whose pages hold about ``limit`` objects; a page may be in several parts, a time is in one."""
    cuts, objects = [span[0]], 0
    for page in sorted(pages, key=lambda p: p.low):
        if objects + page.asked.objects > limit and page.low > cuts[-1]:
            cuts.append(page.low)
            objects = 0
        objects += page.asked.objects
    for begin, end in pairwise([*cuts, span[1]]):
        some = [p for p in pages if p.low < end and p.high >= begin]
        if some:
            yield (begin, end), some


def _runs(pages: Iterable[StoredPage], limit: int) -> Iterator[list[StoredPage]]:
    some: list[StoredPage] = []
    for page in pages:
        if some and sum(p.asked.objects for p in some) + page.asked.objects > limit:
            yield some
            some = []
        some.append(page)
    if some:
        yield some


def _keep(table: str, part: Span, pages: Sequence[StoredPage], gaps: Sequence[StoredPage]) -> str:
    """A condition on rows: of the part, and of trades what their walk kept, without the times of gaps."""
    if table == TRADES:
        return " OR ".join(_kept_of_walks(part, pages, gaps)) or "false"
    if table == "core.fills":
        return f"event_at >= {instant(part[0])} AND event_at < {instant(part[1])}"
    return f"date >= DATE '{part[0]:%Y-%m-%d}' AND date < DATE '{part[1]:%Y-%m-%d}'"


def _kept_of_walks(part: Span, pages: Sequence[StoredPage], gaps: Sequence[StoredPage]) -> Iterator[str]:
    for (ids, claimed), kept_from in {p.walk: p.asked.kept_from or p.asked.claimed[0] for p in pages}.items():
        begin, end = max(kept_from, part[0]), min(claimed[1], part[1])
        if begin >= end:
            continue
        terms = [f"event_at >= {instant(begin)}", f"event_at < {instant(end)}"]
        terms += [f"instrument_id IN ({', '.join(map(literal, ids))})"] if ids else []
        for gap in gaps:
            if gap.walk == (ids, claimed):
                terms.append(f"NOT event_at BETWEEN {instant(gap.low)} AND {instant(gap.high)}")
        yield f"({' AND '.join(terms)})"


def prices_of_trades(session: Session, venue: Venue, span: Span) -> Counts:
    """Prices of the days of a span that have trades, a day at a time."""
    total = Counts()
    snapshot = session.lake.open(TRADES)
    files = snapshot.files if snapshot else ()
    dates = {f.day for f in files if f.partition[0] == venue and span[0].date() <= f.day < span[1].date()}
    for day in sorted(dates):
        with session.unit() as unit, session.duck() as connection:
            deriver = Deriver(unit, {}, again=True)
            trades = session.lake.scan(TRADES, where={"venue": [venue], "date": [day]})
            stage_prices(deriver, connection, venue, day, trades)
            total.add(deriver.commit())
    return total


def _gaps(
    venue: str, table: str, span: Span, missing: Sequence[StoredPage], rows_gone: Sequence[StoredPage]
) -> Iterator[Gap]:
    """Days of pages that are missing."""
    days: dict[date, tuple[int, bool]] = {}
    for page in missing:
        tick, (first, last) = timedelta(microseconds=1), page.asked.claimed
        begin, end = max(page.low, first, span[0]), min(page.high, last - tick, span[1] - tick)
        for n in range((end.date() - begin.date()).days + 1):
            pages, is_gone = days.get(begin.date() + n * _DAY, (0, False))
            days[begin.date() + n * _DAY] = pages + 1, is_gone or page in rows_gone
    for day, (pages, is_gone) in sorted(days.items()):
        yield Gap(venue, table, day, pages, is_gone)
