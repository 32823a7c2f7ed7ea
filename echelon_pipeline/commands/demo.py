"""``echelon demo``: runs the whole pipeline against the sandbox and prints a summary.

Belongs here: the steps of the demo and its summary. The sandbox's clock is frozen while days are read, and moves in
steps while order books are recorded, so that two demos give the same rows. The demo marks its home
(``ingest/homes.py``) and refuses homes with other contents; ``echelon ui`` starts the same sandbox for such a home.
"""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from echelon_pipeline import stopping
from echelon_pipeline.commands.common import building, out, prepared
from echelon_pipeline.commands.layout import write_table
from echelon_pipeline.commands.work import VenueName, derive_books, ingest_days
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.homes import Universe, claim_home
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.settings.places import usable_path
from echelon_pipeline.sqltools.statements import statements

if TYPE_CHECKING:
    import duckdb

    from echelon_pipeline.sandbox.server.process import SandboxProcess
    from echelon_pipeline.sandbox.server.stepped import SteppedClock
    from echelon_pipeline.state.listeners import Listener


RECORDED_INSTRUMENTS = 20  # per venue, the most traded first: the demo records their books
AFTER_RECORDING = 60  # seconds between the end of the recording and the time of the home
# Nothing that depends on the speed of this machine may add a frame: keep-alives, requests for books.
_UNDISTURBED = {"ws_ping_every": 3600.0, "ws_silence": 3600.0, "listen_probe_seconds": 0.0}


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
        float,
        typer.Option(
            min=0, help="Seconds of the sandbox's clock for which order books of each venue are recorded; 0: none."
        ),
    ] = 60.0,
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
        console.print(f"demo: order books of each venue, for {listen:g} s of the sandbox's clock")
        record_last_minute(settings, universe, listen)
        derive_books(settings)
    show_summary(console, settings)
    console.print(f"demo: done in {time.monotonic() - begun:.0f} s")
    console.print("next: `make ui` shows the runs, `echelon tables` lists the tables; this is the last query above:")
    console.print(f"  {first_query(sys.argv[0], home)}", soft_wrap=True)


def _usable(home: Path) -> Path:
    try:
        return usable_path(home)
    except ValueError as error:
        raise BadSettings(f"--home: {error}") from None


def record_last_minute(settings: Settings, universe: Universe, seconds: float) -> None:
    """Records the order books of each venue for ``seconds`` of the sandbox's clock, shortly before the time of the
    home: the books lie on the last day of the other data.

    One shift of a new listener per venue. Then pauses the listener: an active one without a shift would count as a gap.
    What was recorded to its end by an earlier demo stays; what was interrupted is recorded again.
    """
    from echelon_pipeline.sandbox.server.process import SandboxProcess
    from echelon_pipeline.state.database import State
    from echelon_pipeline.state.listeners import Listener, Listeners
    from echelon_pipeline.streams.hours import time_of
    from echelon_pipeline.streams.selection import watchable

    behind = AFTER_RECORDING + math.ceil(seconds)
    for venue in VenueName:
        listener = Listener(name=f"demo-{venue.value}", venue=venue.value, most=RECORDED_INSTRUMENTS)
        with State.of(settings) as state:
            ended = [row["to_at"] for row in Listeners(state).exported()[1] if row["listener"] == listener.name]
        is_done = any(at and at >= settings.clock() - timedelta(seconds=behind - seconds) for at in ended)
        if is_done or not watchable(settings, [venue.value], most=1):
            continue
        with SandboxProcess(**universe, behind=behind) as sandbox:
            there = load_settings({**os.environ, **environment_of(sandbox), "ECHELON_HOME": str(settings.home)})
            short = there.model_copy(update={**_UNDISTURBED, "listen_shift": seconds, "listen_overlap": seconds / 2})
            clock = _work_shift(short, sandbox, listener, behind)
        until = time_of(clock.end_us)
        out().print(f"{venue.value}: {clock.frames:,} frames until {until:%Y-%m-%d %H:%M:%S}", soft_wrap=True)


def _work_shift(settings: Settings, sandbox: SandboxProcess, listener: Listener, behind: int) -> SteppedClock:
    """Runs the shift while the sandbox's clock moves in steps. Returns the clock at its end."""
    from echelon_pipeline.defs.build import build_defs
    from echelon_pipeline.ops.launching import run_listen_job
    from echelon_pipeline.ops.warehouse import Warehouse
    from echelon_pipeline.sandbox.server.stepped import COMMANDS, SteppedClock, stepping
    from echelon_pipeline.state.database import State
    from echelon_pipeline.state.listeners import Listeners
    from echelon_pipeline.state.shift_lease import holders

    clock = SteppedClock(settings.clock() - timedelta(seconds=behind), settings.listen_shift)
    definitions = build_defs(settings, warehouse=Warehouse(settings, clock=clock))
    with State.of(settings) as state:
        while any(holders(state, listener.name)):  # of a demo that was killed: it expires
            stopping.wait(0.5)
        for folder in _interrupted(settings.capture_root, listener, clock):
            shutil.rmtree(folder)
        listeners = Listeners(state, clock=clock)
        listeners.save(listener)
        try:
            with stepping(sandbox.base_url, clock, commands=COMMANDS[listener.venue]):
                run_listen_job(definitions, settings, listener.name)
        finally:
            listeners.activate(listener.name, active=False)
    return clock


def _interrupted(root: Path, listener: Listener, clock: SteppedClock) -> set[Path]:
    """Folders of connections of the demo's listener. A connection that was killed at once has no segment, but the name
    that the first one gets again."""
    from echelon_pipeline.streams.hours import time_of
    from echelon_pipeline.streams.segments import connection_of, segments

    found = {path.parent for path in segments(root) if connection_of(path).listener == listener.name}
    begin = time_of(clock.begin_us)
    return found | {*(root / listener.venue).glob(f"{begin:%Y%m%dT%H%M%S%f}-*")}


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


def first_query(program: str, home: Path | None) -> str:
    """The command of the last sample, ready to paste into a shell: with the program as it was called."""
    text = " ".join(line for line in statements("samples")[-1].text.splitlines() if not line.startswith("--"))
    command = program if os.sep in program else "echelon"
    return f'{"" if home is None else f"ECHELON_HOME={shlex.quote(str(home))} "}{command} sql "{text}"'


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
