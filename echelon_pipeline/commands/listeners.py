"""``echelon listeners``: what is listened to all the time.

Belongs here: options and what is printed. Listeners are kept by ``state/listeners.py`` and kept at work by Dagster.
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
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="What is listened to all the time."
)

Name = Annotated[str, typer.Argument(help="Of the listener.")]
Texts = list[str] | None
_REPEATED = "; may be repeated"


@app.command()
def add(
    name: Name,
    venue: Annotated[VenueName, typer.Option(help="Whose instruments.")],
    series: Annotated[Texts, typer.Option(help=f"Series: native id, full id or slug{_REPEATED}.")] = None,
    event: Annotated[Texts, typer.Option(help=f"Event: native id, full id or slug{_REPEATED}.")] = None,
    tag: Annotated[Texts, typer.Option(help=f"Tag of instrument, event or series{_REPEATED}.")] = None,
    category: Annotated[Texts, typer.Option(help=f"Category, the venue's or ours{_REPEATED}.")] = None,
    slug: Annotated[Texts, typer.Option(help=f"Slug of instrument or event{_REPEATED}.")] = None,
    ticker: Annotated[Texts, typer.Option(help=f"Kalshi ticker{_REPEATED}.")] = None,
    condition: Annotated[Texts, typer.Option(help=f"Polymarket condition{_REPEATED}.")] = None,
    title: Annotated[Texts, typer.Option(help=f"Part of a title or display name{_REPEATED}.")] = None,
    min_liquidity: Annotated[str | None, typer.Option(help="Least resting liquidity, USD.")] = None,
    max_liquidity: Annotated[str | None, typer.Option(help="Most resting liquidity, USD.")] = None,
    min_volume: Annotated[str | None, typer.Option(help="Least traded in 24 h: contracts or USD.")] = None,
    max_volume: Annotated[str | None, typer.Option(help="Most traded in 24 h: contracts or USD.")] = None,
    min_open_interest: Annotated[str | None, typer.Option(help="Least open: contracts or USD.")] = None,
    max_open_interest: Annotated[str | None, typer.Option(help="Most open: contracts or USD.")] = None,
    most: Annotated[int, typer.Option(help="So many instruments, the most traded first.")] = 200,
    own: Annotated[bool, typer.Option("--own", help="Record the configured account's orders and fills too.")] = False,
    quotes: Annotated[bool, typer.Option("--quotes", help="Have the venue's own quotes in core.live_quotes.")] = False,
    discover_every: Annotated[float, typer.Option(help="Seconds between two choices of instruments.")] = 300.0,
    emit_every: Annotated[float, typer.Option(help="Seconds between two tellings of latest states.")] = 1.0,
) -> None:
    """Add a listener, or change the one of that name. All filters must hold; of one filter's texts any."""
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
    """Show all listeners and whether they are at work."""
    table = Table("listener", "venue", "watches", "filters", "instruments", "at work")
    with _listeners() as (listeners, state):
        for known in listeners.all():
            listener = known.listener
            filters = " ".join(f"{key}={_shown(value)}" for key, value in listener.filters_json().items())
            watches = "active" if listener.is_active else "paused"
            table.add_row(listener.name, listener.venue, watches, filters, str(known.watched), _work(known, state))
    out().print(table)


@app.command()
def show(name: Name) -> None:
    """Show a listener: its fields, what it means to watch now, its shift."""
    table = Table("field", "value", title=name)
    with _listeners() as (listeners, state):
        known = listeners.known(name)
        fields: dict[str, Any] = known.listener.model_dump(exclude={"name"})
        for key, value in fields.items():
            if value not in (None, ()):
                table.add_row(key, _shown(value))
        table.add_row("created_at", f"{known.created_at:%Y-%m-%d %H:%M:%S}")
        table.add_row("updated_at", f"{known.updated_at:%Y-%m-%d %H:%M:%S}")
        table.add_row("at work", _work(known, state))
        lasting = [i for i in listeners.exported()[1] if i["listener"] == name and i["to_at"] is None]
        for intent in lasting:
            table.add_row("watches", f"{intent['instrument_id']} since {intent['from_at']:%Y-%m-%d %H:%M:%S}")
    out().print(table)


@app.command()
def pause(name: Name) -> None:
    """Pause a listener: it ends its shift within seconds and means to watch nothing."""
    with _listeners() as (listeners, _):
        listeners.activate(name, active=False)


@app.command()
def resume(name: Name) -> None:
    """Let a paused listener go on; the sensor `listeners` starts it."""
    with _listeners() as (listeners, _):
        listeners.activate(name, active=True)


@app.command()
def remove(name: Name) -> None:
    """Forget a listener. What it recorded, and when it meant to watch what, stays."""
    with _listeners() as (listeners, _):
        listeners.remove(name)


@app.command()
def load(file: Annotated[Path, typer.Argument(help="YAML: listeners, a list with the fields of `add`.")]) -> None:
    """Add or change the listeners of a file, all or none; others stay."""
    from echelon_pipeline.state.listener_files import load_listeners

    with _listeners() as (listeners, _):
        found = load_listeners(listeners, file)
    out().print(f"{len(found)} listeners of {file}", soft_wrap=True)


@contextmanager
def _listeners() -> Iterator[tuple[Listeners, State]]:
    from echelon_pipeline.state.database import State
    from echelon_pipeline.state.listener_files import seed

    settings = prepared()
    with State.of(settings) as state:
        yield seed(settings, state), state


def _work(known: Known, state: State) -> str:
    from echelon_pipeline.state.shift_lease import holders

    shift, ending = holders(state, known.listener.name)
    told = [f"shift {shift.epoch} of run {shift.owner[:8]}"] if shift is not None else []
    told += [f"run {ending.owner[:8]} hands over"] if ending is not None else []
    return ", ".join(told) or "no"


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
