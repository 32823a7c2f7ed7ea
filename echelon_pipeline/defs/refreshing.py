"""The refresh job: builds what is older than its inputs, day by day where it is dated, and publishes once.

Belongs here: the job that asks the lake what is stale, and its reports to Dagster. The question itself
is ``marts/refresh.py``'s. Not an asset job: which parts it builds is known only when it looks.
"""

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.assets.closing import PUBLISHED, require_built
from echelon_pipeline.defs.assets.mirror import MIRROR, mirror
from echelon_pipeline.defs.executor import steady_executor
from echelon_pipeline.defs.hooks import say_failure_class
from echelon_pipeline.defs.jobs import WORK
from echelon_pipeline.ingest.newer_parsers import rederive_stale
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.publish.lineage import guarded_refresh, require_intact_lake
from echelon_pipeline.publish.publish import publish


@dg.op(pool="marts", out=dg.Out(int))
def refresh_marts(context: dg.OpExecutionContext, warehouse: Resource) -> int:
    """Builds every stale part and reports it as a materialization; how many. Days that an older version of the parsers
    made are derived again first, a bounded number."""
    parts = 0
    with classified():
        require_intact_lake(warehouse.settings())
        found = rederive_stale(warehouse.session(context.run_id), warehouse.settings().rederive_days)
        for line in found.sentences():
            context.log.info(line)
        for built in guarded_refresh(warehouse.settings(), run_id=context.run_id).run():
            context.log_event(report.built_part(built))
            parts += 1
    return parts


@dg.op(pool="publication")
def publish_refreshed(context: dg.OpExecutionContext, warehouse: Resource, parts: int) -> None:
    """Publishes what was built, and whatever else changed, to the file and to Postgres where there is one."""
    settings = warehouse.settings()
    with classified():
        done = publish(settings, soon=parts > 0)
    context.log.info("%d parts built; %s", parts, "published" if done else "nothing to publish")
    for key in PUBLISHED if done else ():
        context.log_event(dg.AssetMaterialization(asset_key=key, metadata={"published": True}))
    # Also where there is nothing new: the mirror may be older than the file.
    if settings.postgres_url is not None:
        with classified():
            context.log_event(dg.AssetMaterialization(asset_key=MIRROR, metadata=mirror(settings)))
    require_built(settings)


@dg.job(hooks={say_failure_class}, executor_def=steady_executor, tags=WORK)
def refresh() -> None:
    """What is stale is built, inputs first, then published once."""
    publish_refreshed(refresh_marts())
