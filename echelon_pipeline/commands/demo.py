"""``echelon demo``: runs the whole pipeline against the sandbox and prints a summary.

Belongs here: the steps of the demo and its summary. The sandbox's clock is frozen while days are read, so that two
demos give the same rows, and runs in real time while order books are recorded. The demo marks its home
(``ingest/homes.py``) and refuses homes with other contents; ``echelon ui`` starts the same sandbox for such a home.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from echelon_pipeline.commands.common import building, out, prepared
from echelon_pipeline.commands.render import write_table
from echelon_pipeline.commands.work import VenueName, derive_books, ingest_days
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.homes import Universe, claim_home
from echelon_pipeline.settings import Settings
from echelon_pipeline.settings.places import usable_path
from echelon_pipeline.sqltools.statements import statements

if TYPE_CHECKING:
    import duckdb

    from echelon_pipeline.sandbox.server.process import SandboxProcess


RECORDED_INSTRUMENTS = 20  # per venue, the most traded first: the demo records their books


def demo(
    home: Annotated[
        Path | None, typer.Option(help="Folder for all files. Default: ECHELON_HOME, else .echelon.")
    ] = None,
    events: Annotated[int, typer.Option(min=1, help="Number of events, both venues together.")] = 300,
    instruments: Annotated[int, typer.Option(min=2, help="Number of instruments, both venues together.")] = 2_000,
    trades: Annotated[int, typer.Option(min=0, help="Number of trades, both venues together.")] = 200_000,
    days: Annotated[int, typer.Option(min=1, help="UTC days to ingest, including today.")] = 7,
    seed: Annotated[int, typer.Option(help="Seed of the generated data; the same seed gives the same data.")] = 7,
    listen: Annotated[
        float, typer.Option(min=0, help="Seconds for which order books of each venue are recorded live; 0: none.")
    ] = 5.0,
) -> None:
    """Run the full pipeline against the sandbox, publish a file and print a summary. Needs no network and no keys."""
    from echelon_pipeline.sandbox.server.process import SandboxProcess

    begun = time.monotonic()
    settings = prepared()
    place = settings.home if home is None else _usable(home)
    universe: Universe = {
        "events": events,
        "instruments": instruments,
        "trades": trades,
        "days": max(120, days),
        "seed": seed,
    }
    claim_home(place, universe)
    console = out()
    console.print(f"demo: two venues on loopback, {instruments:,} instruments, {trades:,} trades")
    with SandboxProcess(**universe) as sandbox:
        os.environ.update(environment_of(sandbox), ECHELON_HOME=str(place))
        settings = building()
        today = settings.clock().date()
        ingest_days(settings, [today - timedelta(days=n) for n in reversed(range(days))], list(VenueName))
    if listen:
        console.print(f"demo: order books of each venue, live for {listen:g} s")
        work_shifts(settings, listen)
        derive_books(settings)
    show_summary(console, settings)
    console.print(f"demo: done in {time.monotonic() - begun:.0f} s")
    console.print('next: `make ui` shows the runs; `echelon sql "FROM core.instruments LIMIT 5"` queries the file')


def _usable(home: Path) -> Path:
    try:
        return usable_path(home)
    except ValueError as error:
        raise BadSettings(f"--home: {error}") from None


def work_shifts(settings: Settings, seconds: float) -> None:
    """Runs one shift of a new listener per venue, for ``seconds`` instead of hours. Then pauses the listener: an
    active one without a shift would count as a gap."""
    from echelon_pipeline.commands.stream import venues_of_home
    from echelon_pipeline.defs.build import build_defs
    from echelon_pipeline.ops.launching import run_listen_job
    from echelon_pipeline.state.database import State
    from echelon_pipeline.state.listeners import Listener, Listeners

    with venues_of_home(settings) as live:
        short = live.model_copy(update={"listen_shift": seconds, "listen_overlap": seconds / 2})
        definitions = build_defs(short)
        for venue in VenueName:
            listener = Listener(name=f"demo-{venue.value}", venue=venue.value, most=RECORDED_INSTRUMENTS)
            with State.of(short) as state:
                Listeners(state).save(listener)
                try:
                    run_listen_job(definitions, short, listener.name)
                finally:
                    Listeners(state).activate(listener.name, active=False)


def environment_of(sandbox: SandboxProcess) -> dict[str, str]:
    """Environment that points the pipeline at a sandbox, with the builder code of the sandbox's fills."""
    from echelon_pipeline.sandbox.polymarket.builders import DEMO_BUILDER_CODE

    return {**sandbox.env(), "ECHELON_BUILDER_CODE": DEMO_BUILDER_CODE}


def show_summary(console: Console, settings: Settings) -> None:
    """Prints the tables with their row counts, the sample queries with their answers, and the path of the file."""
    from echelon_pipeline.publish.reader import read_published

    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        heading(console, "tables")
        write_table(console, ("table", "rows"), table_rows(connection))
        for sample in statements("samples"):
            heading(console, sample.header["about"])
            result = connection.execute(sample.text)
            write_table(console, [column[0] for column in result.description or ()], result.fetchall())
    size = settings.published_file.stat().st_size / 1e6
    console.print()
    console.print(f"file: {settings.published_file} ({size:.1f} MB)", soft_wrap=True)


def heading(console: Console, text: str) -> None:
    """Prints a line above a table."""
    console.print()
    console.print(Text(text, style="bold"), soft_wrap=True)


def table_rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Every published table and view with its number of rows."""
    names = connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_schema IN ('core', 'mart', 'meta') ORDER BY ALL"
    ).fetchall()
    counted = []
    for schema, name in names:
        row = connection.execute(f'SELECT count(*) FROM "{schema}"."{name}"').fetchone()
        counted.append((f"{schema}.{name}", int(row[0]) if row else 0))
    return counted
