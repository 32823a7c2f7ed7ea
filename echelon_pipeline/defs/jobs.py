"""Jobs: named selections of assets. The job that depends on the state of the lake is in ``refreshing.py``."""

from __future__ import annotations

import dagster as dg

from echelon_pipeline.defs.feeders import cycle, fed
from echelon_pipeline.defs.hooks import say_failure_class
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
# dagster.yaml limits how many runs with this tag run at once; listeners have slots of their own.
WORK = {"echelon/kind": "work"}

# Everything from the wire to the published file; partitioned by UTC day.
main_job = dg.define_asset_job("main", selection=dg.AssetSelection.all() - _NOT_MAIN, hooks=HOOKS, tags=WORK)

instruments_job = dg.define_asset_job(
    "instruments",
    selection=dg.AssetSelection.all() - _NOT_MAIN - _MARTS - _BUILDERS - _PARLAYS - _DAILY,
    hooks=HOOKS,
    tags=WORK,
)

daily_job = dg.define_asset_job("daily", selection=_DAILY, hooks=HOOKS, tags=WORK)

# The closing steps of a run alone: after a failed run, and for schedules that only read days.
publish_job = dg.define_asset_job("publish", selection=dg.AssetSelection.groups("published"), hooks=HOOKS, tags=WORK)

maintenance_job = dg.define_asset_job("maintenance", selection=_MAINTENANCE, hooks=HOOKS, tags=WORK)

health_job = dg.define_asset_job("health", selection=_HEALTH, hooks=HOOKS, tags=WORK)

# The venue ranks builders over days, weeks and months: once an hour is enough.
builders_job = dg.define_asset_job("builders", selection=_BUILDERS, hooks=HOOKS, tags=WORK)

# A sample: venues create hundreds of combos each minute, and their legs are read with them.
parlays_job = dg.define_asset_job("parlays", selection=_PARLAYS, hooks=HOOKS, tags=WORK)

# The books of an hour, from recordings.
books_job = dg.define_asset_job("books", selection=_BOOKS, hooks=HOOKS, tags=WORK)

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
