"""Assets of venues without UTC days: a second source of payouts, the ranking of builders, a sample of combos."""

from collections.abc import Callable, Iterator

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.feeders import core_key, feeder_key
from echelon_pipeline.defs.measures import Stopwatch
from echelon_pipeline.defs.references import parsing
from echelon_pipeline.defs.report import Reported
from echelon_pipeline.defs.run_config import CombosConfig, configured, of_home
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables import Feeder
from echelon_pipeline.venues.base import Venue
from echelon_pipeline.venues.registry import feeding

Work = Callable[[Session, str], Counts]
# By feeder: the table that its asset reports, its function, and the table of the venue that it depends on.
_FEEDERS: dict[Feeder, tuple[str, Work, str]] = {
    Feeder.PAYOUTS: ("core.resolutions", main.data_resolutions, "core.instruments"),
    Feeder.RANKING: ("core.builder_leaderboard", main.builder_leaderboard, ""),
    Feeder.COMBOS: ("raw.objects", main.parlays, "core.instruments"),
}


def undated_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """One asset per feeder and venue that has it."""
    return [_asset(settings, venue, feeder) for feeder in _FEEDERS for venue in feeding(feeder)]


def _asset(settings: Settings, venue: Venue, feeder: Feeder) -> dg.AssetsDefinition:
    table, work, after = _FEEDERS[feeder]
    key = feeder_key(venue, feeder)
    deps = [dg.AssetKey(core_key(venue.name, after))] if after else []

    def report_on(session: Session) -> Iterator[Reported]:
        watch = Stopwatch()
        try:
            with classified():
                counts = work(session, venue.name)
        except dg.Failure as failure:
            yield from report.rules_failed(failure, {table: key})
            raise
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(key),
            metadata=report.run_metadata(counts, table, watch),
            check_results=[report.rules_passed(table, key, counts), report.available_result(key, counts)],
        )

    def asked(context: dg.AssetExecutionContext, warehouse: Resource) -> Iterator[Reported]:
        yield from report_on(warehouse.session(context.run.run_id))

    def asked_for_combos(
        context: dg.AssetExecutionContext, warehouse: Resource, config: CombosConfig
    ) -> Iterator[Reported]:
        with classified():
            session = warehouse.session(context.run.run_id, config.changed())
        yield from report_on(session)

    made = dg.multi_asset(
        name="_".join(key),
        specs=[
            report.spec_of(
                table,
                key,
                deps=deps,
                about=venue.feeds[feeder],
                feeder=feeder,
                statements=parsing(table, venue.name),
            )
        ],
        check_specs=[report.rules_check(table, key), report.available_check(key)],
        pool=venue.pool,
    )
    if feeder is not Feeder.COMBOS:
        return made(asked)
    bounds = {name: getattr(settings, name) for name in CombosConfig.model_fields}
    return made(configured(asked_for_combos, of_home(CombosConfig, bounds)))
