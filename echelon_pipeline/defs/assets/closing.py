"""What closes a run: further resolutions, the reports on completeness and dead letters, the publication."""

from collections.abc import Iterator

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.assets.listings import DERIVED, core_key
from echelon_pipeline.defs.report import Materialized
from echelon_pipeline.defs.resources import Warehouse
from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.session import VENUES
from echelon_pipeline.warehouse.maintain import maintain
from echelon_pipeline.warehouse.publish import publish

_DAILY = [
    *(dg.AssetKey(core_key(v, t)) for v in VENUES for t in ("core.trades", "core.daily_prices")),
    dg.AssetKey(core_key("polymarket", "core.fills")),
]
_LISTED = [dg.AssetKey(core_key(v, t)) for v in VENUES for t in DERIVED]
_DATA_V2 = ["core", "polymarket", "data_resolutions"]
_EVERYTHING = [*_LISTED, *_DAILY, dg.AssetKey(_DATA_V2)]


@dg.multi_asset(
    name="core_polymarket_data_resolutions",
    specs=[
        report.spec_of(
            "core.resolutions",
            _DATA_V2,
            deps=[dg.AssetKey(core_key("polymarket", "core.instruments"))],
            about="The second source for Polymarket: Data API v2.",
        )
    ],
    check_specs=[report.rules_check("core.resolutions", _DATA_V2)],
    pool="polymarket_api",
    retry_policy=report.RETRY,
)
def data_resolutions(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Materialized]:
    """Asks about ended instruments."""
    session = warehouse.session(context.run.run_id)
    with report.classified():
        counts = main.data_resolutions(session)
    yield dg.MaterializeResult(
        asset_key=dg.AssetKey(_DATA_V2),
        metadata=report.run_metadata(counts, "core.resolutions"),
        check_results=[report.rules_held("core.resolutions", _DATA_V2, counts)],
    )


def _log_asset(table: str) -> dg.AssetsDefinition:
    key = table.split(".")

    @dg.multi_asset(
        name="_".join(key),
        specs=[report.spec_of(table, key, deps=_EVERYTHING, about="Written by every unit of work; reported here.")],
    )
    def log_table(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Materialized:
        session = warehouse.session(context.run.run_id)
        return dg.MaterializeResult(asset_key=dg.AssetKey(key), metadata=report.table_state(session, table, None))

    return log_table


ingest_windows, dead_letters, drift = (
    _log_asset(t) for t in ("core.ingest_windows", "core.dead_letters", "core.drift")
)


class PublishConfig(dg.Config):
    """``force``: publish although the last publication is younger than ECHELON_PUBLISH_EVERY."""

    force: bool = False


@dg.asset(
    key=["published", "duckdb"],
    deps=[
        *_EVERYTHING,
        *(dg.AssetKey(t.split(".")) for t in ("core.ingest_windows", "core.dead_letters", "core.drift")),
    ],
    owners=report.OWNERS,
    kinds={"duckdb"},
    pool="publication",
)
def published_duckdb(warehouse: Warehouse, config: PublishConfig) -> Materialized:
    """One row is one table of the published DuckDB file, all from one set of versions.

    Built aside and swapped in: readers never wait, and see either the old file or the new one.
    """
    settings = warehouse.settings()
    with report.classified():
        done = publish(settings, force=config.force)
    if done is None:
        return dg.MaterializeResult(metadata={"published": False})
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(done.path)),
            "tables": len(done.tables),
            "seconds": round(done.seconds, 3),
        }
    )


@dg.asset(
    key=["lake", "maintenance"],
    owners=report.OWNERS,
    kinds={"delta"},
    pool="publication",
)
def lake_maintenance(warehouse: Warehouse) -> Materialized:
    """One row is one table of the lake: compacted, and rid of files that no kept publication names."""
    with report.classified():
        done = maintain(warehouse.settings())
    return dg.MaterializeResult(metadata={"done": dg.MetadataValue.json(done.as_dict())})
