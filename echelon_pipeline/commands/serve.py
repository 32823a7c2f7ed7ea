"""``echelon sandbox`` and ``echelon ui``: servers that run until they are stopped.

Belongs here: starting and stopping servers. The sandbox itself is in ``sandbox/``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Annotated

import typer

from echelon_pipeline import stopping
from echelon_pipeline.commands import presence
from echelon_pipeline.commands.common import building, fail, out, prepared
from echelon_pipeline.commands.demo import environment_of
from echelon_pipeline.hosting import parent_watch
from echelon_pipeline.hosting.ports import require_port
from echelon_pipeline.ingest.homes import claimed_universe
from echelon_pipeline.ops.dagster_home import (
    LISTEN_JOB,
    LISTENER_TAG,
    WORKSPACE_FILE,
    child_environment,
    enter_dagster_home,
)
from echelon_pipeline.settings import Settings, project_file
from echelon_pipeline.state.processes import living_after

# Longer than the grace period of the children.
STOP_SECONDS = 20.0
POLL_SECONDS = 0.2
WEBSERVER = "echelon_pipeline.commands.webserver"


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web pages.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on. There is no login: see docs/operations.md, “Who may use the UI”.")
    ] = "127.0.0.1",
    keep_listeners: Annotated[
        bool,
        typer.Option(
            "--keep-listeners", help="Leave listeners running when the UI and the daemon stop; not in a demo's home."
        ),
    ] = False,
) -> None:
    """Run Dagster's UI and daemon on this home, for this machine only. Ctrl-C stops both, and the listeners."""
    settings = building()
    with (
        presence.exclusive_ui(settings, port) as present,
        stopping.default_signals(),
        caught_signals() as signals,
        ExitStack() as stack,
    ):
        require_port(host, port)
        _end_dead_runs(settings)
        environment = child_environment(settings, **_universe_of(settings, stack))
        stack.callback(end_runs, settings, keep_listeners=keep_listeners)  # after the daemon, which would restart them
        # Each child has a session of its own: Ctrl-C reaches only this process, which stops the children in order.
        children = {
            name: parent_watch.start(*command, env=environment, start_new_session=True)
            for name, command in _commands(settings, host, port).items()
        }
        present.record({name: child.pid for name, child in children.items()})
        stack.callback(stop, list(children.values()))
        out().print(f"UI: http://{host}:{port} on {settings.home} (Ctrl-C stops it)", soft_wrap=True)
        ended = wait_for_end(children, signals)
    if ended is not None:
        raise fail(f"the {ended} ended unexpectedly (exit code {children[ended].returncode}); see its messages above")


def _commands(settings: Settings, host: str, port: int) -> dict[str, list[str]]:
    # Without -w Dagster ignores the workspace file if there is a [tool.dg] block.
    workspace = str(project_file(WORKSPACE_FILE))
    return {
        "webserver": [WEBSERVER, "--workspace", workspace, "--host", host, "--port", str(port)],
        "daemon": ["dagster._daemon", "run", "-w", workspace, *_format(settings)],
    }


def _format(settings: Settings) -> list[str]:
    return ["--log-format", "json"] if settings.log_format == "json" else []


def _universe_of(settings: Settings, stack: ExitStack) -> dict[str, str]:
    """For a demo's home: starts its sandbox again, so that runs started in the UI do not call the live venues."""
    universe = claimed_universe(settings.home)
    if universe is None:
        return {}
    from echelon_pipeline.sandbox.server.process import SandboxProcess

    return environment_of(stack.enter_context(SandboxProcess(**universe)))


@contextmanager
def caught_signals() -> Iterator[Sequence[int]]:
    """Collects signals that request an end. Further signals do not interrupt an orderly stop."""
    received: list[int] = []

    def collect(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    # A closed terminal (SIGHUP) must stop the children too, unless it is ignored (nohup).
    handled = [n for n in stopping.SIGNALS if signal.getsignal(n) is not signal.SIG_IGN or n is not signal.SIGHUP]
    before = {number: signal.signal(number, collect) for number in handled}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_end(children: Mapping[str, subprocess.Popen[bytes]], signals: Sequence[int]) -> str | None:
    """Waits for a signal (gives None), or for the first child that ends by itself (gives its name)."""
    while not signals:
        for name, child in children.items():
            if child.poll() is not None:
                return name
        time.sleep(POLL_SECONDS)
    return None


def stop(children: Sequence[subprocess.Popen[bytes]], seconds: float = STOP_SECONDS) -> None:
    """Interrupts every child, waits, and kills the children that are still running."""
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


def _end_dead_runs(settings: Settings) -> None:
    import dagster as dg

    from echelon_pipeline.ops.dead_runs import end_dead_runs

    enter_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        end_dead_runs(instance, settings)


def end_runs(settings: Settings, *, keep_listeners: bool, seconds: float = STOP_SECONDS) -> None:
    """Ends the runs that the daemon left: listeners, which would record for hours unnoticed, and in a demo's home every
    run, because its sandbox ends too. Other runs finish by themselves; prints which ones continue."""
    import dagster as dg

    from echelon_pipeline.ops.dead_runs import launched_here

    enter_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        ending = []
        for run, process in launched_here(instance):
            is_listener = run.job_name == LISTEN_JOB
            if (is_listener and not keep_listeners) or claimed_universe(settings.home) is not None:
                ending.append((run, process))
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)
            else:
                name = f"listener {run.tags.get(LISTENER_TAG, '')}" if is_listener else run.job_name
                until = "until the end of its shift" if is_listener else "until it is done"
                out().print(f"{name}: run {run.run_id} of {process} continues {until}", soft_wrap=True)
        living = living_after([process for _, process in ending], seconds)
        for run, process in ending:
            if process in living:
                out().print(f"run {run.run_id} of {process} did not end in {seconds:g} s", soft_wrap=True)


def sandbox(
    arguments: Annotated[list[str] | None, typer.Argument(help="Options: echelon sandbox --help")] = None,
) -> None:
    """Serve both venues on loopback."""
    from echelon_pipeline.sandbox.__main__ import parse
    from echelon_pipeline.sandbox.server.process import SandboxProcess
    from echelon_pipeline.sandbox.server.run import run

    options = parse(arguments or [])
    prepared()

    def announce(port: int) -> None:
        process = SandboxProcess(options)
        process.port = port
        console = out()
        console.print(f"sandbox listening on {process.base_url} (Ctrl-C stops it); to use it:", soft_wrap=True)
        for name, value in process.env().items():
            console.print(f"export {name}={value}", soft_wrap=True)

    with stopping.default_signals():
        run(options, announce=announce)
