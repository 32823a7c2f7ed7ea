"""``echelon listeners``: manages listeners, which record order books continuously.

Belongs here: options and printed output. ``state/listeners.py`` stores listeners; Dagster runs their shifts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from echelon_pipeline.commands.common import fail, out, prepared
from echelon_pipeline.commands.work import VenueName

if TYPE_CHECKING:
    from echelon_pipeline.state.database import State
    from echelon_pipeline.state.listeners import Known, Listeners

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Manage listeners, which record order books continuously.",
)

Name = Annotated[str, typer.Argument(help="Name of the listener.")]
Texts = list[str] | None
_REPEATED = "; may be repeated"


@app.command()
def add(
    name: Name,
    venue: Annotated[VenueName, typer.Option(help="Venue of the instruments.")],
    series: Annotated[Texts, typer.Option(help=f"Series: native id, full id or slug{_REPEATED}.")] = None,
    event: Annotated[Texts, typer.Option(help=f"Event: native id, full id or slug{_REPEATED}.")] = None,
    tag: Annotated[Texts, typer.Option(help=f"Tag of instrument, event or series{_REPEATED}.")] = None,
    category: Annotated[
        Texts, typer.Option(help=f"Category, of the venue or of mart.market_overview{_REPEATED}.")
    ] = None,
    slug: Annotated[Texts, typer.Option(help=f"Slug of instrument or event{_REPEATED}.")] = None,
    ticker: Annotated[Texts, typer.Option(help=f"Kalshi ticker{_REPEATED}.")] = None,
    condition: Annotated[Texts, typer.Option(help=f"Polymarket condition{_REPEATED}.")] = None,
    title: Annotated[Texts, typer.Option(help=f"Part of a title or display name{_REPEATED}.")] = None,
    min_liquidity: Annotated[str | None, typer.Option(help="Minimum resting liquidity, USD.")] = None,
    max_liquidity: Annotated[str | None, typer.Option(help="Maximum resting liquidity, USD.")] = None,
    min_volume: Annotated[str | None, typer.Option(help="Minimum volume of 24 h, contracts or USD.")] = None,
    max_volume: Annotated[str | None, typer.Option(help="Maximum volume of 24 h, contracts or USD.")] = None,
    min_open_interest: Annotated[str | None, typer.Option(help="Minimum open interest, contracts or USD.")] = None,
    max_open_interest: Annotated[str | None, typer.Option(help="Maximum open interest, contracts or USD.")] = None,
    most: Annotated[int, typer.Option(help="Maximum number of instruments, the most traded first.")] = 200,
    own: Annotated[bool, typer.Option("--own", help="Also record the configured account's orders and fills.")] = False,
    quotes: Annotated[
        bool, typer.Option("--quotes", help="Also store the venue's own quotes in core.live_quotes.")
    ] = False,
    discover_every: Annotated[float, typer.Option(help="Seconds between two searches for instruments.")] = 300.0,
    emit_every: Annotated[float, typer.Option(help="Seconds between two updates of the latest states.")] = 1.0,
) -> None:
    """Add a listener, or change the existing one of that name.

    An instrument must match all filters. A filter with several values matches any of them.
    """
    from pydantic import ValidationError

    from echelon_pipeline.state.listener_files import problems
    from echelon_pipeline.state.listeners import Listener

    given = {key: value for key, value in locals().items() if key in Listener.model_fields and value not in (None, [])}
    try:
        listener = Listener.model_validate({**given, "venue": venue.value})
    except ValidationError as error:
        raise fail("; ".join(problem.removeprefix(".").removeprefix(": ") for problem in problems(error))) from None
    with _listeners() as (listeners, _):
        paused = any(k.listener.name == name and not k.listener.is_active for k in listeners.all())
        listeners.save(listener.model_copy(update={"is_active": not paused}))


@app.command("list")
def list_() -> None:
    """Show all listeners and their current shifts."""
    table = Table("listener", "venue", "status", "filters", "instruments", "shift")
    with _listeners() as (listeners, state):
        for known in listeners.all():
            listener = known.listener
            filters = " ".join(f"{key}={_shown(value)}" for key, value in listener.filters_json().items())
            status = "active" if listener.is_active else "paused"
            table.add_row(listener.name, listener.venue, status, filters, str(known.watched), _shifts(known, state))
    out().print(table)


@app.command()
def show(name: Name) -> None:
    """Show a listener: its fields, its current shift, and the instruments that it records."""
    table = Table("field", "value", title=name)
    with _listeners() as (listeners, state):
        known = listeners.known(name)
        fields: dict[str, Any] = known.listener.model_dump(exclude={"name"})
        for key, value in fields.items():
            if value not in (None, ()):
                table.add_row(key, _shown(value))
        table.add_row("created_at", f"{known.created_at:%Y-%m-%d %H:%M:%S}")
        table.add_row("updated_at", f"{known.updated_at:%Y-%m-%d %H:%M:%S}")
        table.add_row("shift", _shifts(known, state))
        for instrument_id, from_at in listeners.watched_now(name):
            table.add_row("watches", f"{instrument_id} since {from_at:%Y-%m-%d %H:%M:%S}")
    out().print(table)


@app.command()
def pause(name: Name) -> None:
    """Pause a listener. Its shift ends within seconds, and unrecorded time no longer counts as a gap."""
    with _listeners() as (listeners, _):
        listeners.activate(name, active=False)


@app.command()
def resume(name: Name) -> None:
    """Resume a paused listener. The sensor `listeners` starts its next shift."""
    with _listeners() as (listeners, _):
        listeners.activate(name, active=True)


@app.command()
def remove(name: Name) -> None:
    """Remove a listener. Its recordings and its intents stay."""
    with _listeners() as (listeners, _):
        listeners.remove(name)


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="YAML file: `listeners`, a list with the fields of `add`.")],
) -> None:
    """Add or change the listeners of a file, all or none. Other listeners stay."""
    from echelon_pipeline.state.listener_files import load_listeners

    with _listeners() as (listeners, _):
        loaded = load_listeners(listeners, file)
    out().print(f"{len(loaded)} listeners of {file}", soft_wrap=True)


@contextmanager
def _listeners() -> Iterator[tuple[Listeners, State]]:
    from echelon_pipeline.state.database import State
    from echelon_pipeline.state.listener_files import seed

    settings = prepared()
    with State.of(settings) as state:
        yield seed(settings, state), state


def _shifts(known: Known, state: State) -> str:
    from echelon_pipeline.state.shift_lease import holders

    shift, ending = holders(state, known.listener.name)
    shifts = [f"shift {shift.epoch} of run {shift.owner[:8]}"] if shift is not None else []
    shifts += [f"run {ending.owner[:8]} hands over"] if ending is not None else []
    return ", ".join(shifts) or "none"


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
