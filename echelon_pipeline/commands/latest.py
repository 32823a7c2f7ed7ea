"""``echelon latest``: prints the latest state of each book that listeners record.

Belongs here: the options of the command, and the conversion to dollars and contracts. ``state/latest.py`` stores the
rows.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from echelon_pipeline.commands.common import out, prepared
from echelon_pipeline.commands.layout import write_records, write_table
from echelon_pipeline.commands.render import WRITERS, Format

if TYPE_CHECKING:
    from echelon_pipeline.domain.latest import LatestState

NAMES = (
    "instrument_id",
    "state",
    "reason",
    "bid",
    "bid_size",
    "ask",
    "ask_size",
    "event_at",
    "received_at",
    "verified_at",
    "listener",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def latest(
    instruments: Annotated[
        list[str] | None, typer.Argument(help="Ids of instruments. Default: all.", show_default=False)
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.table,
) -> None:
    """Show the latest state of each book that listeners record."""
    from echelon_pipeline.state.latest import by_venue, latest_store
    from echelon_pipeline.venues.registry import venue_names

    store = latest_store(prepared())
    try:
        states = store.get(instruments) if instruments else by_venue(store, venue_names())
    finally:
        store.close()
    rows = [_shown(state) for state in states]
    if format_ in (Format.table, Format.records):
        (write_table if format_ is Format.table else write_records)(out(), NAMES, rows)
        out().print(f"{len(rows)} books", style="dim")
    else:
        WRITERS[format_](sys.stdout, NAMES, rows)


def _shown(row: LatestState) -> tuple[object, ...]:
    return (
        row.instrument_id,
        row.state,
        row.reason,
        _units(row.bid),
        _units(row.bid_size),
        _units(row.ask),
        _units(row.ask_size),
        _time(row.event_at),
        _time(row.received_at),
        _time(row.verified_at),
        row.listener,
    )


def _units(millionths: int | None) -> Decimal | None:
    """Millionths as dollars or contracts."""
    return None if millionths is None else Decimal(millionths).scaleb(-6)


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)
