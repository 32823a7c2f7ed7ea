"""The end of a run: reports on completeness and dead letters, the publication; and the lake's maintenance."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.assets.marts import mart_key
from echelon_pipeline.defs.feeders import last_of_run, publication_deps
from echelon_pipeline.defs.measures import Stopwatch
from echelon_pipeline.defs.references import statement_links
from echelon_pipeline.defs.report import Materialized
from echelon_pipeline.defs.run_config import MaintenanceConfig, PublishConfig
from echelon_pipeline.errors import MartsFailed
from echelon_pipeline.ingest.newer_parsers import rederive_stale
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.builds import FAILED, outdated_marts
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.maintain import maintain
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.streams.recordings import expire_recordings
from echelon_pipeline.tables import Feeder, fed_by


def _log_asset(table: str) -> dg.AssetsDefinition:
    key = table.split(".")

    @dg.multi_asset(
        name="_".join(key),
        specs=[report.spec_of(table, key, deps=last_of_run(), about="Written by every unit of work; reported here.")],
    )
    def log_table(context: dg.AssetExecutionContext, warehouse: Resource) -> Materialized:
        session = warehouse.session(context.run.run_id)
        return dg.MaterializeResult(asset_key=dg.AssetKey(key), metadata=report.table_state(session, table, None))

    return log_table


_FILE = ["published", "duckdb"]
_VIEWS = {v.name.rpartition("/")[2]: v for v in statements("views")}


# The assets that a publication updates.
PUBLISHED = [dg.AssetKey(_FILE), *(dg.AssetKey(["published", name]) for name in _VIEWS)]


def _view_spec(name: str, view: Statement) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey(["published", name]),
        deps=[dg.AssetKey(_FILE)],
        description=f"One row is one {view.header['grain']}: {view.header['about']}.",
        kinds={"duckdb", "sql"},
        code_version=view.version,
        metadata={"dagster/table_name": view.header["creates"], **statement_links([view.name])},
    )


def _published() -> dg.AssetsDefinition:
    logs = [dg.AssetKey(table.split(".")) for table in fed_by(Feeder.UNITS)]

    @dg.multi_asset(
        name="published_duckdb",
        specs=[
            dg.AssetSpec(
                dg.AssetKey(_FILE),
                deps=[
                    *publication_deps(),
                    *logs,
                    *(mart_key(m) for m in marts()),
                ],
                description="One row is one table of the published DuckDB file, all from one set of versions.\n\n"
                "Built aside and swapped in: readers never wait, and see either the old file or the new one.",
                kinds={"duckdb"},
            ),
            *(_view_spec(name, view) for name, view in _VIEWS.items()),
        ],
        pool="publication",
    )
    def published_duckdb(warehouse: Resource, config: PublishConfig) -> Iterator[Materialized]:
        """Publishes, unless the last publication is too recent and ``force`` is not set."""
        settings = warehouse.settings()
        with classified():
            done = publish(settings, soon=config.force)
        metadata: dict[str, Any] = {"published": done is not None}
        if done is not None:
            metadata |= {
                "path": dg.MetadataValue.path(str(done.path)),
                "tables": len(done.tables),
                "bytes": done.path.stat().st_size,
                "seconds": round(done.seconds, 3),
            }
            metadata["stale"] = dg.MetadataValue.json(done.stale)
        for key in PUBLISHED:
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)
        require_built(settings)

    return published_duckdb


def require_built(settings: Settings) -> None:
    """Fails the step after the publication if a mart could not be built. Raises dg.Failure."""
    failed = outdated_marts(Lake.of(settings), FAILED)
    if failed:
        with classified():
            raise MartsFailed(failed)


@dg.asset(
    key=["lake", "maintenance"],
    kinds={"delta"},
    pool="publication",
)
def lake_maintenance(warehouse: Resource, config: MaintenanceConfig) -> Materialized:
    """One row is one table of the lake, compacted, without files that no kept publication names.

    Also derives a bounded number of days of an older parser version again."""
    watch, settings = Stopwatch(), warehouse.settings()
    days = settings.rederive_days if config.rederive_days is None else config.rederive_days
    with classified():
        done = maintain(settings)
        expired = expire_recordings(warehouse.session(), datetime.now(UTC))
        rederived = rederive_stale(warehouse.session(), days)
    counts = {**done.as_dict(), "recordings_deleted_bytes": expired, "seconds": watch.seconds}
    stale = "\n".join(rederived.sentences()) or "none"
    return dg.MaterializeResult(metadata={**counts, "days_of_an_older_parser": dg.MetadataValue.text(stale)})


def closing_assets() -> list[dg.AssetsDefinition]:
    """Reports on tables that every unit of work writes, the publication, and maintenance."""
    return [*(_log_asset(table) for table in fed_by(Feeder.UNITS)), _published(), lake_maintenance]
