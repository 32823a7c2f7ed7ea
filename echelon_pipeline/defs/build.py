"""Builds all definitions of one home.

Belongs here: the list of definitions, and what applies to all assets: groups (derived from keys), freshness policies,
owners, links to the source, and the executor. No module of ``defs/`` reads settings at import.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import dagster as dg

from echelon_pipeline.defs.alerting import alert_sensors
from echelon_pipeline.defs.assets import health, mirror
from echelon_pipeline.defs.assets.books import book_assets
from echelon_pipeline.defs.assets.closing import closing_assets
from echelon_pipeline.defs.assets.daily import daily_assets
from echelon_pipeline.defs.assets.listings import listing_assets
from echelon_pipeline.defs.assets.marts import mart_assets
from echelon_pipeline.defs.assets.undated import undated_assets
from echelon_pipeline.defs.checks import across_tables
from echelon_pipeline.defs.console import console
from echelon_pipeline.defs.executor import steady_executor
from echelon_pipeline.defs.feeders import FEEDER
from echelon_pipeline.defs.jobs import HOOKS, JOBS
from echelon_pipeline.defs.listening import listen_job, listeners_sensor
from echelon_pipeline.defs.partitions import daily, hourly
from echelon_pipeline.defs.rederiving import rederive_job
from echelon_pipeline.defs.references import linked, with_sources
from echelon_pipeline.defs.refreshing import refresh
from echelon_pipeline.defs.schedules import schedules
from echelon_pipeline.defs.sensors import sensors
from echelon_pipeline.ops.partition_begin import last_hour, partition_begin
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables import Feeder

# A day and a half: the daily reconciliation may be half a day late before the policy fails.
FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))


def build_defs(settings: Settings, *, warehouse: Warehouse | None = None) -> dg.Definitions:
    """Assets, checks, jobs, schedules and sensors of a home.

    ``warehouse``: the resource of the steps and of the executor; default: the home of these settings.
    """
    warehouse = warehouse or Warehouse(settings)
    first_day, first_hour = partition_begin(settings)
    days, hours = daily(first_day, settings.now), hourly(first_hour, last_hour(settings))
    listen = listen_job(settings.listen_shift)
    starts = settings.schedules
    schedule_status = dg.DefaultScheduleStatus.RUNNING if starts else dg.DefaultScheduleStatus.STOPPED
    sensor_status = dg.DefaultSensorStatus.RUNNING if starts else dg.DefaultSensorStatus.STOPPED
    with warnings.catch_warnings():
        # Mapping specs is the documented way to apply a policy to all assets; it is in preview, links are beta.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.Definitions(
            assets=_hooked(
                [
                    *listing_assets(settings),
                    *daily_assets(days),
                    *undated_assets(settings),
                    *book_assets(hours),
                    *mart_assets(days),
                    *closing_assets(),
                    *mirror.ASSETS,
                    *health.ASSETS,
                ]
            ),
            asset_checks=[across_tables],
            jobs=[*JOBS, refresh, rederive_job, listen],
            schedules=schedules(schedule_status, days, hours),
            sensors=[
                *sensors(sensor_status),
                *alert_sensors(settings),
                listeners_sensor(listen, sensor_status),
            ],
            resources={"warehouse": warehouse},
            # In process: twenty small steps take 3 s this way against 35 s with a process each.
            executor=steady_executor(warehouse),
            loggers={"console": console(whole=settings.log_level == "DEBUG", as_json=settings.log_format == "json")},
        ).map_resolved_asset_specs(func=partial(_with_policy, settings))


def _hooked(assets: Sequence[dg.AssetsDefinition | dg.AssetSpec]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets with links to the source, and with the hooks of jobs: a run that is started from the graph of assets
    is of no job of ours."""
    return [
        asset.with_attributes(hook_defs=HOOKS) if isinstance(asset, dg.AssetsDefinition) else asset
        for asset in with_sources(assets)
    ]


def _with_policy(settings: Settings, spec: dg.AssetSpec) -> dg.AssetSpec:
    if spec.tags.get(FEEDER) == Feeder.STATE.value:
        group = "capture"  # listeners say what is captured; among core tables they would close a circle of groups
    else:
        group = "_".join(spec.key.path[:2]) if len(spec.key.path) > 2 else spec.key.path[0]
    return spec.replace_attributes(
        group_name=group,
        freshness_policy=spec.freshness_policy or FRESHNESS,
        owners=list(settings.asset_owners),
        metadata=linked(dict(spec.metadata), settings.source_url),
    )
