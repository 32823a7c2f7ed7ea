"""What else a venue is asked for: a second source of payouts, its ranking of builders, a sample of combos."""

from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.assets.listings import core_key
from echelon_pipeline.defs.report import Materialized
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource

RESOLUTIONS = ["core", "polymarket", "data_resolutions"]
LEADERBOARD = ["core", "polymarket", "builder_leaderboard"]
PARLAYS = ["core", "kalshi", "combos"]


def _asset(
    key: Sequence[str], table: str, venue: Venue, about: str, work: Callable[[Session], Counts], *, after: str = ""
) -> dg.AssetsDefinition:
    deps = [dg.AssetKey(core_key(venue, after))] if after else []

    @dg.multi_asset(
        name="_".join(key),
        specs=[report.spec_of(table, key, deps=deps, about=about)],
        check_specs=[report.rules_check(table, key), report.available_check(key)],
        pool=f"{venue}_api",
    )
    def asked(context: dg.AssetExecutionContext, warehouse: Resource) -> Iterator[Materialized]:
        with classified():
            counts = work(warehouse.session(context.run.run_id))
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(list(key)),
            metadata=report.run_metadata(counts, table),
            check_results=[report.rules_held(table, key, counts), report.available(key, counts)],
        )

    return asked


_data_resolutions = _asset(
    RESOLUTIONS,
    "core.resolutions",
    "polymarket",
    "The second source for Polymarket: Data API v2 is asked about ended instruments.",
    lambda session: main.data_resolutions(session, "polymarket"),
    after="core.instruments",
)
_builder_leaderboard = _asset(
    LEADERBOARD,
    "core.builder_leaderboard",
    "polymarket",
    "The venue's own ranking, in shares; our codes' volume in dollars is in the marts.",
    lambda session: main.builder_leaderboard(session, "polymarket"),
)
_parlays = _asset(
    PARLAYS,
    "raw.objects",
    "kalshi",
    "A bounded sample of Kalshi's combos, their collections and legs, and the known ones again until they settle.",
    lambda session: main.parlays(session, "kalshi"),
    after="core.instruments",
)

ASSETS = [_data_resolutions, _builder_leaderboard, _parlays]
