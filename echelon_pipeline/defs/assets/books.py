"""Order books by UTC hour: the export of listeners and intents, and the tables derived from recorded segments."""

from collections.abc import Iterator

import dagster as dg

from echelon_pipeline.defs import report
from echelon_pipeline.defs.feeders import core_key
from echelon_pipeline.defs.measures import Stopwatch, stored
from echelon_pipeline.defs.partitions import hours_of
from echelon_pipeline.defs.report import Materialized, Reported
from echelon_pipeline.lake.session import Counts, Venue
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.partition_begin import note_begin
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.streams.book_tables import BOOK_TABLES, derive_hour, valid_share
from echelon_pipeline.streams.hours import HOUR, HOUR_KEY, present
from echelon_pipeline.streams.intents import INTENTS, LISTENERS, export_listeners, intents_of
from echelon_pipeline.streams.recordings import hour_of
from echelon_pipeline.venues.registry import venue_names

# Minimum share of the intended time with a valid book; a change of shifts costs a second or two.
COVERED = 0.99
_LISTENER_KEYS = {name: name.split(".") for name in (LISTENERS, INTENTS)}


@dg.multi_asset(
    name="core_listeners",
    specs=[
        report.spec_of(name, key, about="Exported from the state database, where listeners are edited.")
        for name, key in _LISTENER_KEYS.items()
    ],
)
def core_listeners(context: dg.AssetExecutionContext, warehouse: Resource) -> Iterator[Materialized]:
    """Exports listeners and intents if they changed."""
    watch, session = Stopwatch(), warehouse.session(context.run.run_id)
    with classified():
        counts = export_listeners(session)
    for name, key in _LISTENER_KEYS.items():
        state = report.table_state(session, name, None)
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(key), metadata={**report.run_metadata(counts, name, watch), **state}
        )


def capture_key(venue: Venue) -> dg.AssetKey:
    """The asset on which a shift reports closed segments."""
    return dg.AssetKey(["capture", venue])


def _capture(venue: Venue) -> dg.AssetSpec:
    return dg.AssetSpec(
        capture_key(venue),
        description="One row is one frame as it arrived, with its time and place on its connection.\n\n"
        f"Segments of {venue}'s streams, written by listeners. Each closed segment is reported here.",
        kinds={"python", "arrow"},
    )


def book_keys(venue: Venue) -> dict[str, dg.AssetKey]:
    """Asset keys of a venue's tables of books."""
    return {name: dg.AssetKey(core_key(venue, name)) for name in BOOK_TABLES}


def _books(hours: dg.HourlyPartitionsDefinition, venue: Venue) -> dg.AssetsDefinition:
    keys = book_keys(venue)
    snapshots = keys["core.book_snapshots"]

    @dg.multi_asset(
        name=f"core_{venue}_books",
        specs=[
            report.spec_of(
                name,
                key.path,
                deps=[dg.AssetKey(_LISTENER_KEYS[INTENTS]), capture_key(venue)],
                about=f"{venue}: derived from recorded segments; the same segments give the same rows.",
                statements=[f"books/{name.removeprefix('core.')}"],
            )
            for name, key in keys.items()
        ],
        check_specs=[
            *(report.rules_check(name, key.path) for name, key in keys.items()),
            dg.AssetCheckSpec(
                "covered",
                asset=snapshots,
                description=f"Books were valid for at least {COVERED:.0%} of the intended time.",
            ),
        ],
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="books",
    )
    def books(context: dg.AssetExecutionContext, warehouse: Resource) -> Iterator[Reported]:
        session = warehouse.session(context.run.run_id)
        total, share, owned = Counts(), None, hours_of(context)
        try:
            with classified():
                now, intents = present(session.settings), intents_of(session, venue)
                note_begin(session.settings, hour=owned[0])
                for starts_at in owned:
                    intended = intents(starts_at, starts_at + HOUR)
                    watch, hour = Stopwatch(), hour_of(session, venue, starts_at, intended, now)
                    counts = derive_hour(session, hour)
                    share = valid_share(session, hour)
                    for name, key in keys.items():
                        metadata = {
                            **stored(session.lake, name, venue, {"date": starts_at.date(), "hour": starts_at.hour}),
                            "frames": counts.objects,
                            "seconds": watch.seconds,  # of all tables of the hour
                            "is_over": hour.is_over,
                        }
                        context.add_asset_metadata(metadata, asset_key=key, partition_key=starts_at.strftime(HOUR_KEY))
                    total.add(counts)
        except dg.Failure as failure:
            yield from report.rules_failed(failure, {name: key.path for name, key in keys.items()})
            raise
        for name, key in keys.items():
            checks = [report.rules_passed(name, key.path, total)]
            if key == snapshots:
                checks.append(_covered(key, share))
            yield dg.MaterializeResult(asset_key=key, check_results=checks)

    return books


def _covered(key: dg.AssetKey, share: float | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="covered",
        asset_key=key,
        passed=share is None or share >= COVERED,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"valid_share": "nothing was intended" if share is None else round(share, 6)},
    )


def book_assets(hours: dg.HourlyPartitionsDefinition) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The export of listeners, and for every venue its captured segments and its books."""
    names = venue_names()
    return [core_listeners, *(_capture(venue) for venue in names), *(_books(hours, venue) for venue in names)]
