"""Maps tables to the assets that write them: joins the registry of tables with the registrations of venues.

Belongs here: keys of assets that feed tables, dependencies, and the tags by which jobs select. The assets themselves
are in ``assets/``.
"""

from __future__ import annotations

import dagster as dg

from echelon_pipeline.tables import OF_VENUES, TABLES, Cycle, Feeder, daily_tables, fed_by
from echelon_pipeline.venues.base import Venue
from echelon_pipeline.venues.registry import feeding

FEEDER, CYCLE = "echelon/feeder", "echelon/cycle"  # tags of every asset that writes a table of the registry
# The main table of listings.
LISTED = "core.instruments"
# Names of assets that write a table whose name another feeder's assets already have.
_NAMES = {Feeder.PAYOUTS: "data_resolutions", Feeder.COMBOS: "combos"}


def core_key(venue: str, table: str) -> list[str]:
    """Asset key of a venue's part of a core table."""
    return ["core", venue, table.split(".", 1)[1]]


def feeder_key(venue: Venue, feeder: Feeder) -> list[str]:
    """Asset key of a feeder that writes one table."""
    if feeder in _NAMES:
        return ["core", venue.name, _NAMES[feeder]]
    (table,) = fed_by(feeder)
    return core_key(venue.name, table)


def keys_of(table: str) -> list[dg.AssetKey]:
    """The assets that must finish before a table is read."""
    known = TABLES[table]
    if known.reported_with:
        return keys_of(known.reported_with)
    first, *others = known.fed_by
    if first is Feeder.COMMAND:  # no asset writes it
        return []
    if first not in OF_VENUES:
        return [dg.AssetKey(table.split("."))]
    return [dg.AssetKey(core_key(venue.name, table)) for venue in feeding(first)] + _others(others)


def extra_deps(table: str) -> list[dg.AssetKey]:
    """Assets that the statement of a table waits for, although it does not read a table named after them."""
    return _others(TABLES[table].fed_by[1:])


def _others(feeders: list[Feeder] | tuple[Feeder, ...]) -> list[dg.AssetKey]:
    return [dg.AssetKey(feeder_key(venue, feeder)) for feeder in feeders for venue in feeding(feeder)]


def publication_deps() -> list[dg.AssetKey]:
    """The assets that request data from venues and that the publication waits for. One table of each venue's listings
    is enough: one step writes them all."""
    return [key for table in (LISTED, *daily_tables()) for key in keys_of(table)] + _others([Feeder.PAYOUTS])


def last_of_run() -> list[dg.AssetKey]:
    """The assets that fill tables of venues and that no other such asset waits for. Depending on them orders a step
    last without an edge from each of 30 tables."""
    needed = {need for table in daily_tables() for need in TABLES[table].needs}
    last = [key for table in daily_tables() if table not in needed for key in keys_of(table)]
    return last + _others([Feeder.PAYOUTS, Feeder.RANKING, Feeder.COMBOS])


def tags_of(table: str, feeder: Feeder | None = None) -> dict[str, str]:
    """Tags of an asset that writes a table. ``feeder``: default the table's first feeder."""
    known = TABLES[table]
    return {FEEDER: (feeder or known.fed_by[0]).value, CYCLE: known.cycle.value}


def fed(*feeders: Feeder) -> dg.AssetSelection:
    """Every asset of these feeders."""
    first, *others = (dg.AssetSelection.tag(FEEDER, feeder.value) for feeder in feeders)
    selection = first
    for other in others:
        selection = selection | other
    return selection


def cycle(unit: Cycle) -> dg.AssetSelection:
    """Every asset whose runs own such a unit of time."""
    return dg.AssetSelection.tag(CYCLE, unit)
