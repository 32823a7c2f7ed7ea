"""Derives instruments, outcomes, events, series, quotes and payouts again from raw, unit by unit in fetch order.

Belongs here: the order of listings and of payouts requested by instrument, and the steps after each of them. Listings
store an unchanged object once, so all listings are derived, whatever days are requested. An object that raw lacks is
removed from ``raw.last_seen``: the next listing stores it again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.late_values import complete_instruments
from echelon_pipeline.ingest.listings import DERIVED, RAW, pending_units
from echelon_pipeline.ingest.pages import units_of
from echelon_pipeline.ingest.resolutions import update_statuses
from echelon_pipeline.ingest.versions import kinds_of
from echelon_pipeline.lake.raw import LAST_SEEN
from echelon_pipeline.lake.session import Counts, Session, Unit, Venue
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.lake.windows import Window as Listing
from echelon_pipeline.venues.registry import venue_of

RESOLUTIONS, INSTRUMENTS = "core.resolutions", "core.instruments"
LISTED = (
    *("core.series", "core.events", INSTRUMENTS, "core.instrument_history"),
    *("core.outcomes", "core.instrument_quotes", RESOLUTIONS),
)
_OBJECT = "endpoint, object_key, sha256"


def rederive_listings(
    session: Session, venue: Venue, tables: frozenset[str], absent: Collection[str], span: Span
) -> tuple[Counts, int, bool]:
    """Derives tables of listings again. Returns the counts, the number of listings that lack raw objects, and whether
    one of these objects is still served, so that its rows may be lost."""
    total = Counts()
    if tables & {INSTRUMENTS, "core.instrument_history"}:
        tables |= {INSTRUMENTS, "core.instrument_history"}  # a version is a change of the instrument
    listings = {listing.unit_id: listing for listing in pending_units(session, venue, again=True)}
    payouts = frozenset(units_of(session, venue, RESOLUTIONS, span) if RESOLUTIONS in tables else ())
    listing_kinds = venue_of(venue).listing_kinds
    kinds = {name: kind for name, kind in listing_kinds.items() if tables & set(kind.outputs)}
    by_instrument = {name: kind for name, kind in kinds_of(venue, RESOLUTIONS).items() if name not in listing_kinds}
    units = sorted({*listings, *payouts})
    for number, unit_id in enumerate(units):
        session.progress(f"{venue} listings again", number, len(units))
        some = kinds if unit_id in listings else by_instrument
        with session.unit() as unit:
            deriver = Deriver(unit, some, again=True, tables=tables, absent=absent)
            deriver.parse(RawSlice(venue, (unit_id,)))
            total.add(deriver.commit())
            if unit_id in payouts:
                total.add(update_statuses(session, venue, deriver))
            if INSTRUMENTS in tables:
                complete_instruments(deriver, venue)
            total.add(deriver.commit())
    session.progress(f"{venue} listings again", len(units), len(units))
    lacking = _lacking(session, venue, list(listings.values()), absent)
    forgotten = bool(lacking) and _forget(session, venue, absent)
    if forgotten:
        with session.unit() as unit:
            _open(unit, venue, lacking)
    return total, len(lacking), forgotten


def _lacking(session: Session, venue: Venue, listings: Sequence[Listing], absent: Collection[str]) -> list[Listing]:
    """Listings of which raw has fewer objects than were stored."""
    scan = session.lake.scan(RAW, where={"venue": [venue]}, without=absent)
    with session.duck() as connection:
        stored = dict(connection.execute(f"SELECT unit_id, count(*) FROM ({scan}) GROUP BY unit_id").fetchall())
    return [listing for listing in listings if stored.get(listing.unit_id, 0) < listing.rows]


def _forget(session: Session, venue: Venue, absent: Collection[str]) -> bool:
    """Removes objects that raw lacks from ``raw.last_seen``, so that the next listing stores them again; returns
    whether there were any."""
    lake = session.lake
    with session.duck() as connection:
        connection.execute(f"CREATE TEMP VIEW seen AS {lake.scan(LAST_SEEN, where={'venue': [venue]})}")
        scan = lake.scan(RAW, where={"venue": [venue]}, without=absent)
        connection.execute(
            f"CREATE TEMP TABLE missing AS SELECT bucket, {_OBJECT} FROM seen ANTI JOIN ({scan}) USING ({_OBJECT})"
        )
        buckets = connection.execute("SELECT DISTINCT bucket FROM missing ORDER BY bucket").fetchall()
        for (bucket,) in buckets:
            is_missing = f"({_OBJECT}) IN (SELECT ({_OBJECT}) FROM missing)"
            lake.delete_rows(connection, LAST_SEEN, (venue, bucket), is_missing)
    return bool(buckets)


def _open(unit: Unit, venue: Venue, listings: Sequence[Listing]) -> None:
    """Records that the tables of some listings no longer have all served objects."""
    unit.session.windows.record(
        [
            unit.window(
                venue,
                DERIVED,
                f"{listing.scope}/{listing.unit_id}",
                (listing.from_at, listing.to_at),
                state="partial",
                reason="raw objects of it are gone: the next listing stores again what is still served",
            )
            for listing in listings
        ]
    )
