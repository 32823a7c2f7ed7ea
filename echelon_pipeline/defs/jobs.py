"""Jobs: named selections of assets. What follows from the state of the lake is in ``refreshing.py``."""

from __future__ import annotations

import dagster as dg

from echelon_pipeline.defs.assets.books import book_keys
from echelon_pipeline.defs.assets.further import LEADERBOARD, PARLAYS
from echelon_pipeline.defs.assets.marts import mart_key
from echelon_pipeline.defs.hooks import say_failure_class
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.venues.registry import venue_names

_MAINTENANCE = dg.AssetSelection.assets(dg.AssetKey(["lake", "maintenance"]))
_HEALTH = dg.AssetSelection.groups("health")
# By UTC hour, and of nothing that a run asks a venue for.
_BOOKS = dg.AssetSelection.assets(
    *(dg.AssetKey(["core", name]) for name in ("listeners", "listener_intents")),
    *(key for venue in venue_names() for key in book_keys(venue).values()),
)
_NOT_MAIN = _MAINTENANCE | _HEALTH | _BOOKS

_MARTS = dg.AssetSelection.assets(*(mart_key(m) for m in marts()))
_BUILDERS = dg.AssetSelection.assets(dg.AssetKey(LEADERBOARD))
_PARLAYS = dg.AssetSelection.assets(dg.AssetKey(PARLAYS))
HOOKS = {say_failure_class}
# So many of these at once (dagster.yaml); listeners have places of their own.
WORK = {"echelon/kind": "work"}

# Everything from the wire to the published file; partitioned by UTC day.
main_job = dg.define_asset_job("main", selection=dg.AssetSelection.all() - _NOT_MAIN, hooks=HOOKS, tags=WORK)

instruments_job = dg.define_asset_job(
    "instruments",
    selection=dg.AssetSelection.all()
    - _NOT_MAIN
    - _MARTS
    - _BUILDERS
    - _PARLAYS
    - dg.AssetSelection.assets(
        *(dg.AssetKey(["core", v, t]) for v in ("kalshi", "polymarket") for t in ("trades", "daily_prices")),
        dg.AssetKey(["core", "polymarket", "fills"]),
    ),
    hooks=HOOKS,
    tags=WORK,
)

daily_job = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.assets(
        *(dg.AssetKey(["core", v, t]) for v in ("kalshi", "polymarket") for t in ("trades", "daily_prices")),
        dg.AssetKey(["core", "polymarket", "fills"]),
    ),
    hooks=HOOKS,
    tags=WORK,
)

# What closes a run, by itself: after a failed run, and for schedules that only read days.
publish_job = dg.define_asset_job("publish", selection=dg.AssetSelection.groups("published"), hooks=HOOKS, tags=WORK)

maintenance_job = dg.define_asset_job("maintenance", selection=_MAINTENANCE, hooks=HOOKS, tags=WORK)

health_job = dg.define_asset_job("health", selection=_HEALTH, hooks=HOOKS, tags=WORK)

# The venue ranks builders over days, weeks and months: once an hour is enough.
builders_job = dg.define_asset_job("builders", selection=_BUILDERS, hooks=HOOKS, tags=WORK)

# A sample: hundreds of combos are made each minute, and their legs are read with them.
parlays_job = dg.define_asset_job("parlays", selection=_PARLAYS, hooks=HOOKS, tags=WORK)

# An hour's books from what was recorded.
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
