"""The refresh job: builds marts that are older than their inputs, dated ones day by day, and publishes once.

Belongs here: the job, and its reports to Dagster. ``marts/refresh.py`` finds stale parts. It is not an asset job,
because the parts to build are only known when it runs.
"""

from collections.abc import Sequence

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.assets.closing import PUBLISHED, require_built
from echelon_pipeline.defs.assets.mirror import MIRROR, mirror
from echelon_pipeline.defs.hooks import say_failure_class
from echelon_pipeline.defs.run_config import RefreshConfig
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.newer_parsers import rederive_stale
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.ops.dagster_home import WORK
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.publish.lineage import guarded_refresh, require_intact_lake
from echelon_pipeline.publish.publish import publish


@dg.op(pool="marts", out=dg.Out(int))
def refresh_marts(context: dg.OpExecutionContext, warehouse: Resource, config: RefreshConfig) -> int:
    """Builds every stale part, reports each as a materialization, and returns their number. First derives a bounded
    number of days of an older parser version again."""
    parts = 0
    with classified():
        require_intact_lake(warehouse.settings())
        rederived = rederive_stale(warehouse.session(context.run_id), warehouse.settings().rederive_days)
        for line in rederived.sentences():
            context.log.info(line)
        lake = Lake.of(warehouse.settings())
        refreshing = guarded_refresh(warehouse.settings(), run_id=context.run_id)
        for built in refreshing.run(_named(config.tables), again=config.again, allow_empty=config.allow_empty):
            context.log_event(report.built_part(lake, built))
            parts += 1
    return parts


def _named(tables: Sequence[str]) -> list[str]:
    """The marts of the configuration. Raises BadSettings."""
    known = {mart.name for mart in marts()}
    if unknown := sorted(set(tables) - known):
        raise BadSettings(f"tables: {', '.join(unknown)}: not a mart; marts are {', '.join(sorted(known))}")
    return list(tables)


@dg.op(pool="publication")
def publish_refreshed(context: dg.OpExecutionContext, warehouse: Resource, parts: int) -> None:
    """Publishes all changed tables to the file, and to Postgres if it is configured."""
    settings = warehouse.settings()
    with classified():
        done = publish(settings, soon=parts > 0)
    context.log.info("%d parts built; %s", parts, "published" if done else "nothing to publish")
    for key in PUBLISHED if done else ():
        context.log_event(dg.AssetMaterialization(asset_key=key, metadata={"published": True}))
    # Also without a new publication: the mirror may be older than the file.
    if settings.postgres_url is not None:
        with classified():
            context.log_event(dg.AssetMaterialization(asset_key=MIRROR, metadata=mirror(settings)))
    require_built(settings)


@dg.job(hooks={say_failure_class}, tags=WORK)
def refresh() -> None:
    """Builds stale marts, inputs first, then publishes once."""
    publish_refreshed(refresh_marts())
