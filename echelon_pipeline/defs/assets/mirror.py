"""The mirror of the publication in Postgres, if one is configured."""

from typing import Any

import dagster as dg

from echelon_pipeline.defs.report import Materialized
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.publish.postgres import publish_postgres
from echelon_pipeline.settings import Settings

MIRROR = dg.AssetKey(["published", "postgres"])
NOT_CONFIGURED = "not configured: ECHELON_POSTGRES_URL is not set"


def mirror(settings: Settings) -> dict[str, Any]:
    """Updates the mirror from the published file; returns the counts as metadata."""
    done = publish_postgres(settings)
    if done is None:
        return {"mirror": NOT_CONFIGURED}
    return {
        "mirror": "up to date",
        "published_at": done.built_at.isoformat(),
        "tables_copied": len(done.copied),
        "tables_unchanged": len(done.unchanged),
        "rows_copied": sum(done.copied.values()),
        "rows_copied_by_table": dg.MetadataValue.json(done.copied),
        "seconds": round(done.seconds, 3),
    }


@dg.asset(
    key=MIRROR,
    deps=[dg.AssetKey(["published", "duckdb"])],
    kinds={"postgres"},
    pool="publication",
)
def published_postgres(warehouse: Resource) -> Materialized:
    """One row is one table of the Postgres mirror; all tables come from the publication of the DuckDB file.

    Copies changed marts and reference tables and swaps them in one transaction. If ECHELON_POSTGRES_URL is not set, it
    does nothing and reports that.
    """
    with classified():
        return dg.MaterializeResult(metadata=mirror(warehouse.settings()))


ASSETS = [published_postgres]
