"""``echelon latest``: what listeners told last of each book.

Belongs here: the options of the command, and units for people. Where the rows are is ``state/latest.py``'s.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from echelon_pipeline.commands.common import out, prepared
from echelon_pipeline.commands.render import WRITERS, Format, write_table

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
    "listener",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def latest(
    instruments: Annotated[
        list[str] | None, typer.Argument(help="Ids of instruments; all where none is given.", show_default=False)
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to write the rows.")] = Format.table,
) -> None:
    """Show the latest states of books that listeners told."""
    from echelon_pipeline.state.latest import by_venue, latest_store
    from echelon_pipeline.venues.registry import venue_names

    store = latest_store(prepared())
    try:
        found = store.get(instruments) if instruments else by_venue(store, venue_names())
    finally:
        store.close()
    rows = [_shown(row) for row in found]
    if format_ is Format.table:
        write_table(out(), NAMES, rows)
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
        row.listener,
    )


def _units(millionths: int | None) -> Decimal | None:
    """Dollars or contracts."""
    return None if millionths is None else Decimal(millionths).scaleb(-6)


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)
