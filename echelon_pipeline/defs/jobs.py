"""Jobs: named selections of assets."""

from __future__ import annotations

import dagster as dg

_NOT_MAIN = dg.AssetSelection.assets(dg.AssetKey(["lake", "maintenance"]))

# Everything from the wire to the published file; partitioned by UTC day.
main_job = dg.define_asset_job("main", selection=dg.AssetSelection.all() - _NOT_MAIN)

instruments_job = dg.define_asset_job(
    "instruments",
    selection=dg.AssetSelection.all()
    - _NOT_MAIN
    - dg.AssetSelection.assets(
        *(dg.AssetKey(["core", v, t]) for v in ("kalshi", "polymarket") for t in ("trades", "daily_prices")),
        dg.AssetKey(["core", "polymarket", "fills"]),
    ),
)

daily_job = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.assets(
        *(dg.AssetKey(["core", v, t]) for v in ("kalshi", "polymarket") for t in ("trades", "daily_prices")),
        dg.AssetKey(["core", "polymarket", "fills"]),
    ),
)

# What closes a run, by itself: after a failed run, and for schedules that only read days.
publish_job = dg.define_asset_job("publish", selection=dg.AssetSelection.groups("published"))

maintenance_job = dg.define_asset_job("maintenance", selection=_NOT_MAIN)
