"""The job that derives core tables again from raw, for the tables, venues and days of its configuration.

Belongs here: the configuration, and the report of a run. The work itself is in ``ingest/rederive.py``.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from echelon_pipeline.defs.hooks import say_failure_class
from echelon_pipeline.domain.days import every_day
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.rederive import Rederived, rederivable, rederive
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.dagster_home import WORK
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.publish.lineage import register_rebuilt
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.registry import venue_names


class RederiveConfig(dg.Config):
    """``tables``, ``venues``: empty means all. ``first``, ``last``: UTC days of events like ``2026-11-18``, inclusive;
    both empty means all days."""

    tables: list[str] = Field(default=[])
    venues: list[str] = Field(default=[])
    first: str = ""
    last: str = ""


@dg.op(name="rederive_tables", out=dg.Out(dg.Nothing))
def rederive_tables(context: dg.OpExecutionContext, warehouse: Resource, config: RederiveConfig) -> None:
    """Derives the tables again. The output's metadata has the counts, and the days that could not be derived
    completely."""
    with classified():
        days = _days(config)
        if unknown := sorted(set(config.venues) - set(venue_names())):
            raise BadSettings(f"venue {', '.join(unknown)}: expected one of {', '.join(venue_names())}")
        done = rederive(warehouse.session(context.run_id), config.tables, config.venues, days)
        if not (config.venues or days):  # windows still claim what was not derived of a lost table
            _accept(warehouse.settings(), config.tables)
    context.add_output_metadata(_metadata(done))


@dg.job(name="rederive", hooks={say_failure_class}, tags=WORK)
def rederive_job() -> None:
    """Derives core tables again from raw, without requests to a venue."""
    rederive_tables()


def _days(config: RederiveConfig) -> list[date]:
    """The configured days; empty means all days."""
    if not config.first and not config.last:
        return []
    try:
        first, last = date.fromisoformat(config.first), date.fromisoformat(config.last)
    except ValueError:
        raise BadSettings(f"first {config.first!r}, last {config.last!r}: expected two days like 2026-11-18") from None
    if first > last:
        raise BadSettings(f"first {first} is after last {last}")
    return every_day(first, last)


def _accept(settings: Settings, named: Sequence[str]) -> None:
    """Registers the tables as rebuilt on purpose: the publication refuses other tables that differ from the published
    ones. A named table may be gone, if none of its rows could be derived; without names, only existing tables are
    accepted, because a lake whose disk is not mounted has none."""
    lake = Lake.of(settings)
    register_rebuilt(settings, named or [name for name in rederivable() if lake.version(name) is not None])


def _metadata(done: Rederived) -> dict[str, Any]:
    counts = done.counts
    gaps = [[g.venue, g.table, str(g.day) if g.day else None, g.pages, g.is_gone] for g in done.gaps]
    return {
        "rows_staged": dg.MetadataValue.json(counts.staged),
        "rows_new": dg.MetadataValue.json({t: n for t, n in counts.new.items() if n}),
        "rows_changed": dg.MetadataValue.json({t: n for t, n in counts.changed.items() if n}),
        "rows_deleted": dg.MetadataValue.int(done.dropped),
        "dead_letters": dg.MetadataValue.int(counts.dead_letters),
        "gaps": dg.MetadataValue.json(gaps),
    }
