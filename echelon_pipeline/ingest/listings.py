"""Listings of instruments, events and series: scans, bounds, and re-reading of known instruments.

Belongs here: the two halves of a listing. ``fetch_listings`` stores payloads in raw and records a window;
``derive_listings`` derives rows from every unit that was fetched and not derived yet. ``venues/*/walks.py`` chooses the
URLs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from echelon_pipeline.errors import EchelonError, NotAvailable
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.given_up import given_up_reason, note_given_up, windows_of
from echelon_pipeline.ingest.unavailable import note, window_state
from echelon_pipeline.lake.raw import RawStore
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.lake.windows import Window
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.feeds import ListingSource, Scan
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.narrowing import GivenUp
from echelon_pipeline.venues.page import Page

RAW = "raw.objects"
DERIVED = "core.instruments"

# full: all listings in the configured bounds, with series and events; scope: the current state of the bounded set;
# changes: instruments that are new, closed or settled since the last listing; auto: full once a day, otherwise scope
# where instruments are bounded, and changes where they are not.
Mode = Literal["auto", "full", "scope", "changes"]
FULL_EVERY = timedelta(hours=24)


async def fetch_listings(session: Session, venue: Venue, source: ListingSource, mode: Mode = "auto") -> Counts:
    """Scans a venue into raw. A scan that fails midway keeps its pages, records a partial window, and raises."""
    scan = _plan(session, venue, mode)
    source.given_up = GivenUp(lambda: session.windows.given_up(venue, RAW))
    counts = Counts()
    failure: EchelonError | None = None
    with session.unit() as unit:
        store = unit.store(venue, source.parser_version, listing=True)
        try:
            await _fetch(session, venue, source, scan, store, counts)
        except EchelonError as error:
            failure = error
        store.flush()
        counts.filtered_out = source.filtered_out
        state, reason = window_state(failure)
        span = (scan.now, session.clock())
        window = unit.window(
            venue,
            RAW,
            f"listings:{scan.mode}",
            span,
            state=state,
            reason=reason or given_up_reason(source.given_up),
            counts=counts,
            rows=store.stored,
        )
        # The window is recorded before last_seen: after a kill in between, the next scan stores the same
        # payloads again; in the other order it would skip them and they would never be derived.
        session.windows.record([window, *windows_of(unit, venue, RAW, span, source.given_up)])
        store.mark_seen()
        counts.unchanged = store.unchanged
    note_given_up(counts, source.given_up, f"{venue} listings")
    if isinstance(failure, NotAvailable):
        note(counts, failure, f"the rest of {venue}'s listings is")
    elif failure:
        raise failure
    return counts


def _plan(session: Session, venue: Venue, mode: Mode) -> Scan:
    now = session.clock()
    done = session.windows.last_complete(venue, RAW)
    full = done.get("listings:full")
    if mode == "auto":
        bounded = session.settings.instruments_bound(venue) > 0
        mode = "full" if full is None or now - full >= FULL_EVERY else "scope" if bounded else "changes"
    if full is None:
        mode = "full"  # changes and scope build on a first full listing
    # A scan of the bounded set shows no changes outside of it: request changes since the last scan that does.
    last = max((at for scope, at in done.items() if scope in ("listings:full", "listings:changes")), default=None)
    overlap = timedelta(minutes=session.settings.overlap_minutes)
    return Scan(mode, now, None if last is None else last - overlap)


async def _fetch(
    session: Session, venue: Venue, source: ListingSource, scan: Scan, store: RawStore, counts: Counts
) -> None:
    async def take(pages: AsyncIterator[Page], stage: str) -> None:
        async for page in pages:
            store.add(replace(page, number=counts.pages))
            counts.pages += 1
            counts.objects += len(page.objects)
            session.progress(f"{venue} {stage}", counts.objects, None)

    await take(source.scan(scan), "listing")
    store.flush()
    stale = _to_reread(session, venue, scan, store)
    if stale:
        await take(source.by_id(stale), "re-reading")


def _to_reread(session: Session, venue: Venue, scan: Scan, store: RawStore) -> list[str]:
    """Native ids of known instruments that are not finally settled and that this scan did not show: all of them for a
    full or scope scan; for a scan of changes those that stopped trading or are past their scheduled end."""
    lake = session.lake
    with session.duck() as connection:
        where = {"venue": [venue]}
        for name in ("instruments", "resolutions"):
            connection.execute(f"CREATE TEMP VIEW {name} AS {lake.scan(f'core.{name}', where=where)}")
        connection.execute(f"CREATE TEMP VIEW seen_now AS {store.seen_relation()}")
        rows = connection.execute(
            statement("derive/rereads").text, {"now": scan.now, "all_unsettled": scan.mode != "changes"}
        ).fetchall()
    return [str(native_id) for (native_id,) in rows]


def derive_listings(session: Session, venue: Venue, kinds: Mapping[str, PayloadKind], *, again: bool = False) -> Counts:
    """Derives every fetched unit without a derived window; ``again``: all units, from the start.

    Raises nothing for malformed payloads: they become dead letters.
    """
    total = Counts()
    for raw in pending_units(session, venue, again=again):
        with session.unit() as unit:
            deriver = Deriver(unit, kinds)
            whole = raw.scope == "listings:full" and raw.state == "complete"
            deriver.parse(RawSlice(venue, (raw.unit_id,)), listed_until=raw.to_at if whole else None)
            counts = deriver.commit()
            total.add(counts)
            session.windows.record(
                [
                    unit.window(
                        venue,
                        DERIVED,
                        f"{raw.scope}/{raw.unit_id}",
                        (raw.from_at, raw.to_at),
                        state=raw.state,
                        reason=raw.reason,
                        counts=counts,
                        rows=counts.staged.get(DERIVED, 0),
                    )
                ]
            )
    return total


def pending_units(session: Session, venue: Venue, *, again: bool = False) -> list[Window]:
    """Raw listing windows whose unit has not been derived, oldest first."""
    windows = session.windows
    raw = windows.recorded(venue, RAW) if again else windows.underived(venue, RAW, by=DERIVED)
    return sorted((w for w in raw if w.scope.startswith("listings:")), key=lambda w: w.unit_id)
