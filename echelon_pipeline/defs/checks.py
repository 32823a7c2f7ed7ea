"""Checks across tables: one per statement of ``sql/checks``, on the published file.

Belongs here: checks that the rules of a single table cannot express. They report and never block.
"""

from collections.abc import Iterator

import dagster as dg

from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.sqltools.statements import statements

FILE = dg.AssetKey(["published", "duckdb"])
SAMPLE = 5
CHECKS = {s.name.rpartition("/")[2]: s for s in statements("checks")}


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset=FILE, description=f"None of: {check.header['about']}.")
        for name, check in CHECKS.items()
    ],
    pool="publication",
)
def across_tables(warehouse: Resource) -> Iterator[dg.AssetCheckResult]:
    """Runs every statement on the published file. Each returned row is a finding."""
    settings = warehouse.settings()
    with classified(), read_published(settings.published_file, lake=settings.lake_root) as connection:
        for name, check in CHECKS.items():
            findings = connection.execute(check.text).fetchall()
            yield dg.AssetCheckResult(
                check_name=name,
                asset_key=FILE,
                passed=not findings,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"findings": len(findings), "sample": "; ".join(map(str, findings[:SAMPLE])) or "none"},
            )
