"""Jobs: named selections of assets. The job that depends on the state of the lake is in ``refreshing.py``."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from echelon_pipeline.defs.feeders import cycle, fed
from echelon_pipeline.defs.hooks import say_failure_class
from echelon_pipeline.ops.dagster_home import WORK
from echelon_pipeline.tables import Cycle, Feeder

_MAINTENANCE = dg.AssetSelection.assets(dg.AssetKey(["lake", "maintenance"]))
_HEALTH = dg.AssetSelection.groups("health")
# Partitioned by UTC hour; these assets send no requests to a venue.
_BOOKS = fed(Feeder.STATE, Feeder.BOOKS)
_NOT_MAIN = _MAINTENANCE | _HEALTH | _BOOKS

_MARTS = fed(Feeder.STATEMENT)
_BUILDERS = fed(Feeder.RANKING)
_PARLAYS = fed(Feeder.COMBOS)
_DAILY = cycle(Cycle.DAY) - _MARTS
HOOKS = {say_failure_class}


def _job(name: str, selection: dg.AssetSelection, description: str) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(name, selection=selection, description=description, hooks=HOOKS, tags=WORK)


main_job = _job(
    "main",
    dg.AssetSelection.all() - _NOT_MAIN,
    "Everything from the venues to the published file, for a UTC day or a range of days: listings, trades, prices, "
    "builder fills, marts, publication. Complete days are skipped; `refetch` of a daily step reads them again.",
)

instruments_job = _job(
    "instruments",
    dg.AssetSelection.all() - _NOT_MAIN - _MARTS - _BUILDERS - _PARLAYS - _DAILY,
    "Listings of both venues (series, events, instruments, quotes, payouts), then the publication. "
    "`mode`: scope, changes or full.",
)

daily_job = _job(
    "daily",
    _DAILY,
    "Trades, prices and builder fills of a UTC day or a range of days. Instruments must be known: run `instruments` "
    "or `main` before. A backfill is one run and is followed by `refresh`.",
)

publish_job = _job(
    "publish",
    dg.AssetSelection.groups("published"),
    "The published DuckDB file and its mirror in Postgres, from the tables as they are. `force` publishes at once.",
)

maintenance_job = _job(
    "maintenance",
    _MAINTENANCE,
    "Compaction, deletion of unused files and of data past its retention, and some days of an older parser version "
    "derived again.",
)

health_job = _job(
    "health",
    _HEALTH,
    "The health report: failed runs of the last day; missing, partial, unread and unavailable days; stale tables.",
)

# The venue ranks builders over days, weeks and months: once an hour is enough.
builders_job = _job("builders", _BUILDERS, "Polymarket's ranking of builder codes by day, week, month and all time.")

# A sample: venues create hundreds of combos each minute, and their legs are read with them.
parlays_job = _job("parlays", _PARLAYS, "A bounded sample of Kalshi's combos with the instruments that are their legs.")

books_job = _job(
    "books",
    _BOOKS,
    "Order books, gaps, quotes and account events of a UTC hour, from the recordings of listeners.",
)

JOBS = (
    main_job,
    instruments_job,
    daily_job,
    publish_job,
    maintenance_job,
    health_job,
    builders_job,
    parlays_job,
    books_job,
)
