"""Daily assets per venue: trades, prices, builder fills. A run owns exactly its UTC days."""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.feeders import core_key
from echelon_pipeline.defs.measures import Stopwatch, add_days
from echelon_pipeline.defs.partitions import days_of
from echelon_pipeline.defs.references import parsing
from echelon_pipeline.defs.report import Reported
from echelon_pipeline.defs.run_config import DayConfig
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.partition_begin import note_begin, partition_begin
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.tables import TABLES, Feeder, daily_tables
from echelon_pipeline.venues.base import Venue
from echelon_pipeline.venues.registry import feeding

# A backfill is one run. When it is run again, it skips the days that are committed.
BACKFILL = dg.BackfillPolicy.single_run()


def _daily_asset(days: dg.DailyPartitionsDefinition, venue: Venue, table: str) -> dg.AssetsDefinition:
    key, known = core_key(venue.name, table), TABLES[table]
    feeder = known.fed_by[0]
    deps = [dg.AssetKey(core_key(venue.name, need)) for need in known.needs]
    made_by = parsing(table, venue.name)
    spec = report.spec_of(table, key, deps=deps, about=venue.feeds[feeder], statements=made_by)

    @dg.multi_asset(
        name="_".join(key),
        specs=[spec],
        check_specs=[report.rules_check(table, key), report.parsed_check(key), report.available_check(key)],
        partitions_def=days,
        backfill_policy=BACKFILL,
        pool=venue.pool,
    )
    def daily(context: dg.AssetExecutionContext, warehouse: Resource, config: DayConfig) -> Iterator[Reported]:
        session = warehouse.session(context.run.run_id)
        watch, owned = Stopwatch(), days_of(context)
        try:
            with classified():
                note_begin(session.settings, day=min(owned[0], partition_begin(session.settings)[0]))
                if config.again:
                    counts = main.rederive_days(session, venue.name, table, owned)
                else:
                    counts = _work(session, venue, feeder, owned, refetch=config.refetch)
        except dg.Failure as failure:
            yield from report.rules_failed(failure, {table: key})
            raise
        by_day = {day: report.table_state(session, table, venue.name, day) for day in owned}
        add_days(context, dg.AssetKey(key), owned, by_day, report.run_metadata(counts, table, watch))
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(key),
            check_results=[
                report.rules_passed(table, key, counts),
                report.parsed_result(key, counts, session.settings.max_unread_share),
                report.available_result(key, counts),
            ],
        )

    return daily


def daily_assets(days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Assets that are partitioned by UTC day and request data from a venue."""
    return [_daily_asset(days, venue, table) for table in daily_tables() for venue in feeding(TABLES[table].fed_by[0])]


def _work(session: Session, venue: Venue, feeder: Feeder, days: Sequence[date], *, refetch: bool) -> Counts:
    match feeder:
        case Feeder.TRADES:
            return main.trades(session, venue.name, days, refetch=refetch)
        case Feeder.PRICES:
            return main.prices(session, venue.name, days, refetch=refetch)
        case Feeder.FILLS:  # a code's fills are few: all of the days are read again
            return main.builder_fills(session, venue.name, days)
        case _:
            raise ValueError(f"{venue.name} is not asked for {feeder} by day")
