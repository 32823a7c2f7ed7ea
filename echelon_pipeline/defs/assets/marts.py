"""One asset per mart: computed by its statement, inputs first."""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.feeders import extra_deps, keys_of
from echelon_pipeline.defs.measures import Stopwatch, add_days, stored
from echelon_pipeline.defs.partitions import days_of
from echelon_pipeline.defs.plots import plot_of
from echelon_pipeline.defs.report import Reported
from echelon_pipeline.defs.run_config import MartConfig
from echelon_pipeline.errors import MartsFailed
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.builds import EMPTIED, outdated_marts
from echelon_pipeline.marts.marts import Mart, marts
from echelon_pipeline.marts.refresh import Built
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.publish.lineage import guarded_refresh


def mart_key(mart: Mart) -> dg.AssetKey:
    """The asset key of a mart: mart/trade_volume for mart.trade_volume."""
    return dg.AssetKey(mart.name.split("."))


def _spec(mart: Mart) -> dg.AssetSpec:
    header = mart.statement.header
    spec = report.spec_of(
        mart.name,
        mart.name.split("."),
        deps=[*(key for table in mart.awaited for key in keys_of(table)), *extra_deps(mart.name)],
        about=f"{header['about'][:1].upper()}{header['about'][1:]}. Computed by `sql/{mart.statement.name}.sql`.",
        statements=[mart.statement.name],
    )
    return spec.replace_attributes(
        kinds={"duckdb", "sql", "delta"},
        skippable=True,  # a mart that keeps its last version reports no new one
        code_version=mart.statement.version,
        metadata={**spec.metadata, "statement": dg.MetadataValue.md(f"```sql\n{mart.statement.text}\n```")},
    )


def _asset(partitions: dg.DailyPartitionsDefinition, mart: Mart) -> dg.AssetsDefinition:
    key = mart.name.split(".")

    @dg.multi_asset(
        name="_".join(key),
        specs=[_spec(mart)],
        check_specs=[report.rules_check(mart.name, key), report.built_check(mart.name, key)],
        partitions_def=partitions if mart.is_dated else None,
        backfill_policy=dg.BackfillPolicy.single_run() if mart.is_dated else None,
        pool="marts",
    )
    def build(context: dg.AssetExecutionContext, warehouse: Resource, config: MartConfig) -> Iterator[Reported]:
        days: Sequence[date] | None = days_of(context) if mart.is_dated else None
        watch = Stopwatch()
        with classified():
            settings = warehouse.settings()
            refresh = guarded_refresh(settings, run_id=context.run.run_id)
            built: list[Built] = []
            failed = broken = ""
            try:
                built.extend(refresh.run([mart.name], days=days, again=bool(config.again)))
            except MartsFailed as error:
                # The step continues: marts that do not read this one, and the publication, must not wait for it. The
                # check fails, and the step that publishes fails at its end.
                failed = str(error)
                broken = failed if mart.name in error.broken else ""
            emptied = outdated_marts(Lake.of(settings), EMPTIED).get(mart.name, "")
        checks = [
            report.rules_result(mart.name, key, sum(b.rows for b in built), broken=broken),
            report.built_result(key, failed, emptied),
        ]
        if failed or (emptied and not built):
            for part in built:  # before the failure; the other days keep their last version
                context.log_event(report.built_part(Lake.of(settings), part))
            yield from checks
            return
        with classified():
            session = warehouse.session()
            of_run = {
                "parts_built": len(built),
                "rows_built": sum(b.rows for b in built),
                "seconds": watch.seconds,
                **report.table_state(session, mart.name, None),
                **plot_of(session, mart.name),
            }
            by_day = {day: stored(session.lake, mart.name, part={"date": day}) for day in days or ()}
        if days:
            add_days(context, dg.AssetKey(key), days, by_day, of_run)
        yield dg.MaterializeResult(asset_key=dg.AssetKey(key), metadata={} if days else of_run, check_results=checks)

    return build


def mart_assets(days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """One asset per mart; dated ones are partitioned by UTC day."""
    return [_asset(days, mart) for mart in marts()]
