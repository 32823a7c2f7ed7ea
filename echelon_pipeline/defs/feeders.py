"""Which assets write which tables: the registry of tables and the registrations of venues, joined.

Belongs here: keys of assets that feed tables, what waits for what, and the tags by which jobs select. What an asset
does is in ``assets/``.
"""

from __future__ import annotations

import dagster as dg

from echelon_pipeline.tables import OF_VENUES, TABLES, Cycle, Feeder, daily_tables, fed_by
from echelon_pipeline.venues.base import Venue
from echelon_pipeline.venues.registry import feeding

FEEDER, CYCLE = "echelon/feeder", "echelon/cycle"  # tags of every asset that writes a table of the registry
# Names of assets that write into tables which another feeder's assets are named after.
_NAMES = {Feeder.PAYOUTS: "data_resolutions", Feeder.COMBOS: "combos"}


def core_key(venue: str, table: str) -> list[str]:
    """Asset key of a venue's part of a core table."""
    return ["core", venue, table.split(".", 1)[1]]


def feeder_key(venue: Venue, feeder: Feeder) -> list[str]:
    """Asset key of a feeder that writes into one table."""
    if feeder in _NAMES:
        return ["core", venue.name, _NAMES[feeder]]
    (table,) = fed_by(feeder)
    return core_key(venue.name, table)


def keys_of(table: str) -> list[dg.AssetKey]:
    """The assets that have to be done before a table is read."""
    known = TABLES[table]
    if known.reported_with:
        return keys_of(known.reported_with)
    first, *others = known.fed_by
    if first not in OF_VENUES:
        return [dg.AssetKey(table.split("."))]
    return [dg.AssetKey(core_key(venue.name, table)) for venue in feeding(first)] + _others(others)


def awaited_by(table: str) -> list[dg.AssetKey]:
    """What the statement of a table waits for although it reads no table of it."""
    return _others(TABLES[table].fed_by[1:])


def _others(feeders: list[Feeder] | tuple[Feeder, ...]) -> list[dg.AssetKey]:
    return [dg.AssetKey(feeder_key(venue, feeder)) for feeder in feeders for venue in feeding(feeder)]


def read_by_publication() -> list[dg.AssetKey]:
    """What venues are asked for and the publication waits for."""
    return [key for table in (*fed_by(Feeder.LISTINGS), *daily_tables()) for key in keys_of(table)]


def last_of_run() -> list[dg.AssetKey]:
    """What nothing else waits for: enough to come after everything, without an edge from each of 20 tables."""
    needed = {need for table in daily_tables() for need in TABLES[table].needs}
    found = [key for table in daily_tables() if table not in needed for key in keys_of(table)]
    return found + _others([Feeder.PAYOUTS])


def tags_of(table: str, feeder: Feeder | None = None) -> dict[str, str]:
    """Tags of an asset that writes a table, as another feeder than the table's first one where one is given."""
    known = TABLES[table]
    return {FEEDER: (feeder or known.fed_by[0]).value, CYCLE: known.cycle.value}


def fed(*feeders: Feeder) -> dg.AssetSelection:
    """Every asset of these feeders."""
    selections = [dg.AssetSelection.tag(FEEDER, feeder.value) for feeder in feeders]
    found = selections[0]
    for other in selections[1:]:
        found = found | other
    return found


def cycle(stretch: Cycle) -> dg.AssetSelection:
    """Every asset whose runs own such a stretch of time."""
    return dg.AssetSelection.tag(CYCLE, stretch)
