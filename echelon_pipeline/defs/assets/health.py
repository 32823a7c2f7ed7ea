"""The daily health report: failed runs, and missing, partial, unavailable or stale data."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from echelon_pipeline.defs.report import Materialized
from echelon_pipeline.ops.dagster_home import FAILURE_TAG as TAG
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.health import DataFinding, findings
from echelon_pipeline.ops.warehouse import Resource

KEY = ["health", "report"]
# The daily report has the failed runs of the last day, so that each run is reported once.
WITHIN = timedelta(hours=24)
SHOWN = 50


def _failed_runs(instance: dg.DagsterInstance) -> Iterator[DataFinding]:
    since = datetime.now(UTC) - WITHIN
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    for record in instance.get_run_records(failed, limit=SHOWN):
        run = record.dagster_run
        yield DataFinding("failed", f"run {run.run_id[:8]} of {run.job_name}", run.tags.get(TAG, "no reason recorded"))


def _markdown(found: list[DataFinding]) -> str:
    if not found:
        return "no findings"
    rows = [f"| {f.kind} | {f.what} | {f.detail} |" for f in found[:SHOWN]]
    return "\n".join(["| kind | what | detail |", "|---|---|---|", *rows])


@dg.multi_asset(
    name="health_report",
    specs=[
        dg.AssetSpec(
            dg.AssetKey(KEY),
            deps=[dg.AssetKey(["published", "duckdb"])],
            description="One row is one finding: a failed run, a day that is missing, partial, unread or unavailable, "
            "a listing or a mart that is stale.",
            kinds={"python"},
        )
    ],
    check_specs=[dg.AssetCheckSpec("healthy", asset=dg.AssetKey(KEY), description="No finding needs attention.")],
)
def health_report(context: dg.AssetExecutionContext, warehouse: Resource) -> Iterator[Materialized]:
    """Reports findings and fails its check if there are any: an error if unread rows exceed the limit, else a
    warning."""
    with classified():
        found = [*_failed_runs(context.instance), *findings(warehouse.settings())]
    kinds = {kind: sum(f.kind == kind for f in found) for kind in dict.fromkeys(f.kind for f in found)}
    yield dg.MaterializeResult(
        asset_key=dg.AssetKey(KEY),
        metadata={"findings": dg.MetadataValue.md(_markdown(found)), "count": len(found), **kinds},
        check_results=[
            dg.AssetCheckResult(
                check_name="healthy",
                asset_key=dg.AssetKey(KEY),
                passed=not [f for f in found if f.kind != "unavailable"],
                severity=dg.AssetCheckSeverity.ERROR if "unread" in kinds else dg.AssetCheckSeverity.WARN,
                metadata={"findings": len(found)},
            )
        ],
    )


ASSETS = [health_report]
