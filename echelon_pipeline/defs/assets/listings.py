"""Listing assets per venue: payloads into raw; raw into events, series, instruments and dependent tables."""

from collections.abc import Iterator

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.feeders import LISTED, core_key
from echelon_pipeline.defs.measures import Stopwatch
from echelon_pipeline.defs.references import parsing
from echelon_pipeline.defs.report import Materialized, Reported
from echelon_pipeline.defs.run_config import DeriveConfig, ListingConfig, configured, of_home
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Venue
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables import Feeder, fed_by
from echelon_pipeline.venues.registry import venue_names, venue_of

# Tables that are computed from the rows of other tables of the same unit.
_DERIVED = {"core.instrument_history": "derive/instrument_history"}


def _raw_asset(settings: Settings, venue: Venue) -> dg.AssetsDefinition:
    key = ["raw", venue, "listings"]
    spec = report.spec_of(
        "raw.objects",
        key,
        about=f"The {venue} listing endpoints: instruments, events and series within the configured bounds. "
        "An unchanged object is not stored again.",
    )

    def listings(
        context: dg.AssetExecutionContext, warehouse: Resource, config: ListingConfig
    ) -> Iterator[Materialized]:
        watch = Stopwatch()
        with classified():
            session = warehouse.session(context.run.run_id, config.settings(venue))
            counts = main.fetch(session, venue, config.mode.value)
        metadata = report.run_metadata(counts, "raw.objects", watch)
        checks = [report.available_result(key, counts)]
        yield dg.MaterializeResult(asset_key=dg.AssetKey(key), metadata=metadata, check_results=checks)

    bounds = {
        "max_instruments": settings.instruments_bound(venue),
        "min_volume": settings.min_volume,
        "history_days": settings.history_days,
    }
    made = dg.multi_asset(
        name=f"raw_{venue}_listings",
        specs=[spec],
        check_specs=[report.available_check(key)],
        pool=venue_of(venue).pool,
    )
    return made(configured(listings, of_home(ListingConfig, bounds)))


def _core_assets(venue: Venue) -> dg.AssetsDefinition:
    raw, derived = dg.AssetKey(["raw", venue, "listings"]), fed_by(Feeder.LISTINGS)
    specs = [
        report.spec_of(t, core_key(venue, t), deps=[raw], about=f"The {venue} part.", statements=_made_by(t, venue))
        for t in derived
    ]
    checks = [report.rules_check(t, core_key(venue, t)) for t in derived]
    checks.append(report.parsed_check(core_key(venue, LISTED)))

    @dg.multi_asset(name=f"core_{venue}_instruments", specs=specs, check_specs=checks)
    def instruments(context: dg.AssetExecutionContext, warehouse: Resource, config: DeriveConfig) -> Iterator[Reported]:
        watch, session = Stopwatch(), warehouse.session(context.run.run_id)
        try:
            with classified():
                counts = main.derive(session, venue, again=bool(config.again))
        except dg.Failure as failure:
            yield from report.rules_failed(failure, {table: core_key(venue, table) for table in derived})
            raise
        for table in derived:
            key = core_key(venue, table)
            results = [report.rules_passed(table, key, counts)]
            if table == LISTED:
                results.append(report.parsed_result(key, counts, session.settings.max_unread_share))
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey(key),
                metadata=report.run_metadata(counts, table, watch) | report.table_state(session, table, venue),
                check_results=results,
            )

    return instruments


def _made_by(table: str, venue: Venue) -> list[str]:
    """The statements of a table that listings fill."""
    return parsing(table, venue) or [name for t, name in _DERIVED.items() if t == table]


def listing_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Two assets per venue: raw and core."""
    return [made for venue in venue_names() for made in (_raw_asset(settings, venue), _core_assets(venue))]
