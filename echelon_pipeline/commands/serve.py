"""``echelon sandbox`` and ``echelon ui``: processes that stay until they are stopped.

Belongs here: starting and stopping. What the sandbox serves is in ``sandbox/``.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from echelon_pipeline.commands.common import fail, out, prepared
from echelon_pipeline.dagster_home import WORKSPACE_FILE, child_environment
from echelon_pipeline.settings import project_file

# Dagster's own shutdown of code servers takes up to ten seconds.
STOP_SECONDS = 20.0
POLL_SECONDS = 0.2


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web pages.")] = 3000,
) -> None:
    """Dagster's UI and daemon on this home, on loopback; Ctrl-C stops both."""
    settings = prepared()
    environment = child_environment(settings)
    workspace = str(project_file(WORKSPACE_FILE))
    commands = {
        "webserver": ["dagster_webserver", "-w", workspace, "-h", "127.0.0.1", "-p", str(port)],
        "daemon": ["dagster._daemon", "run", "-w", workspace],
    }
    # Sessions of their own: Ctrl-C reaches us alone, and we stop them in order.
    children = {
        name: subprocess.Popen([sys.executable, "-m", *command], env=environment, start_new_session=True)
        for name, command in commands.items()
    }
    out().print(f"UI: http://127.0.0.1:{port} on {settings.home.resolve()} (Ctrl-C stops it)", soft_wrap=True)
    try:
        gone = wait_for_end(children)
    finally:
        stop(list(children.values()))
    if gone is not None:
        raise fail(f"the {gone} ended by itself (exit code {children[gone].returncode}); its messages are above")


def wait_for_end(children: dict[str, subprocess.Popen[bytes]]) -> str | None:
    """Waits for SIGINT or SIGTERM (None) or for the first child that ends by itself (its name)."""
    asked = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not asked:
            for name, child in children.items():
                if child.poll() is not None:
                    return name
            time.sleep(POLL_SECONDS)
        return None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(children: Sequence[subprocess.Popen[bytes]], seconds: float = STOP_SECONDS) -> None:
    """Interrupts every child, waits, and kills what is left."""
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
    deadline = time.monotonic() + seconds
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def sandbox(
    universe: Annotated[str, typer.Option(help="synthetic, or recorded with --recordings.")] = "synthetic",
    recordings: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="Folder of payloads.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8700,
    events: Annotated[int, typer.Option(min=1, help="Events of both venues at the start.")] = 300,
    instruments: Annotated[int, typer.Option(min=1, help="Instruments of both venues at the start.")] = 2000,
    days: Annotated[int, typer.Option(min=1, help="How far back trades and prices reach.")] = 120,
    trades: Annotated[int, typer.Option(min=0, help="Trades of both venues.")] = 200_000,
    seed: Annotated[int, typer.Option(help="Same seed, same universe.")] = 7,
    now: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"], show_default=False, help="UTC time of the sandbox's clock."
        ),
    ] = None,
    speed: Annotated[float, typer.Option(min=0, help="0: frozen clock; 1: real time; 60: a minute a second.")] = 0.0,
    limits: Annotated[str, typer.Option(help="real or off: answer 429 like the venues.")] = "off",
    fault: Annotated[list[str] | None, typer.Option(help="A fault to inject; may be repeated.")] = None,
) -> None:
    """Serve both venues on loopback."""
    if universe not in {"synthetic", "recorded"}:
        raise typer.BadParameter(f"--universe {universe}: expected synthetic or recorded")
    if limits not in {"real", "off"}:
        raise typer.BadParameter(f"--limits {limits}: expected real or off")
    if (universe == "recorded") != (recordings is not None):
        raise typer.BadParameter("--universe recorded and --recordings FOLDER belong together")
    from echelon_pipeline.sandbox.options import SandboxOptions
    from echelon_pipeline.sandbox.server import run

    prepared()
    run(
        SandboxOptions(
            universe="recorded" if universe == "recorded" else "synthetic",
            recordings=recordings,
            host=host,
            port=port,
            events=events,
            instruments=instruments,
            days=days,
            trades=trades,
            seed=seed,
            now=now.replace(tzinfo=UTC) if now else None,
            speed=speed,
            limits="real" if limits == "real" else "off",
            faults=tuple(fault or ()),
        )
    )
