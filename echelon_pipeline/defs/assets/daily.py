"""Daily assets per venue: trades, prices, builder fills. A run owns exactly its UTC days."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.assets.listings import core_key
from echelon_pipeline.defs.partitions import days_of
from echelon_pipeline.defs.report import Materialized
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.venues.base import Venue
from echelon_pipeline.venues.registry import feeding

Work = Callable[[Session, Sequence[date], bool], Counts]

# A backfill is cut into runs of this many days, so that a failure costs little; what is committed is
# skipped when such a run is tried again.
BACKFILL = dg.BackfillPolicy.single_run()


class DayConfig(dg.Config):
    """``refetch``: read the days again although they are complete. Raw gains payloads, nothing is lost."""

    refetch: bool = False


def _daily_asset(
    days: dg.DailyPartitionsDefinition, venue: str, table: str, deps: Sequence[str], about: str, work: Work
) -> dg.AssetsDefinition:
    key = core_key(venue, table)
    spec = report.spec_of(table, key, deps=[dg.AssetKey(core_key(venue, d)) for d in deps], about=about)

    @dg.multi_asset(
        name="_".join(key),
        specs=[spec],
        check_specs=[report.rules_check(table, key), report.parsed_check(key), report.available_check(key)],
        partitions_def=days,
        backfill_policy=BACKFILL,
        pool=f"{venue}_api",
    )
    def daily(context: dg.AssetExecutionContext, warehouse: Resource, config: DayConfig) -> Iterator[Materialized]:
        session = warehouse.session(context.run.run_id)
        owned = days_of(context)
        with classified():
            counts = work(session, owned, config.refetch)
        for day in owned:
            context.add_asset_metadata(
                report.table_state(session, table, venue, [day]), asset_key=key, partition_key=str(day)
            )
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(key),
            metadata=report.run_metadata(counts, table),
            check_results=[
                report.rules_held(table, key, counts),
                report.parsed(key, counts, session.settings.max_unread_share),
                report.available(key, counts),
            ],
        )

    return daily


def daily_assets(days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Assets that are partitioned by UTC day and ask a venue."""
    return [
        *(_trades(days, venue) for venue in feeding("trades")),
        *(_prices(days, venue) for venue in feeding("prices")),
        *(_fills(days, venue) for venue in feeding("fills")),
    ]


def _trades(days: dg.DailyPartitionsDefinition, venue: Venue) -> dg.AssetsDefinition:
    needs = ("core.instruments", "core.outcomes")
    return _daily_asset(
        days,
        venue.name,
        "core.trades",
        needs,
        venue.feeds["trades"],
        lambda session, owned, refetch: main.trades(session, venue.name, owned, refetch=refetch),
    )


def _prices(days: dg.DailyPartitionsDefinition, venue: Venue) -> dg.AssetsDefinition:
    needs = ("core.instruments", "core.outcomes", "core.trades")
    return _daily_asset(
        days,
        venue.name,
        "core.daily_prices",
        needs,
        venue.feeds["prices"],
        lambda session, owned, refetch: main.prices(session, venue.name, owned, refetch=refetch),
    )


def _fills(days: dg.DailyPartitionsDefinition, venue: Venue) -> dg.AssetsDefinition:
    return _daily_asset(
        days,
        venue.name,
        "core.fills",
        ("core.outcomes",),
        venue.feeds["fills"],
        lambda session, owned, _refetch: main.builder_fills(session, venue.name, owned),
    )
