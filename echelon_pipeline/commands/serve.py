"""``echelon sandbox`` and ``echelon ui``: processes that stay until they are stopped.

Belongs here: starting and stopping. What the sandbox serves is in ``sandbox/``.
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
from echelon_pipeline.ops.dagster_home import WORKSPACE_FILE, child_environment, enter_dagster_home
from echelon_pipeline.settings import Settings, project_file
from echelon_pipeline.state.processes import living_after

# More than the children give themselves.
STOP_SECONDS = 20.0
POLL_SECONDS = 0.2
LISTEN_JOB, LISTENER_TAG = "listen", "echelon/listener"  # of defs/listening.py, which takes a second to import
WEBSERVER = "echelon_pipeline.commands.webserver"


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web pages.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on. There is no login: see docs/operations.md, “Who may use the UI”.")
    ] = "127.0.0.1",
    keep_listeners: Annotated[
        bool, typer.Option("--keep-listeners", help="Let listeners record on when the UI and the daemon are stopped.")
    ] = False,
) -> None:
    """Dagster's UI and daemon on this home, for this machine alone; Ctrl-C stops both, and the listeners."""
    settings = building()
    with (
        presence.alone(settings, port) as present,
        stopping.default_signals(),
        noted_signals() as heard,
        ExitStack() as stack,
    ):
        require_port(host, port)
        _end_dead_runs(settings)
        environment = child_environment(settings, **_universe_of(settings, stack))
        stack.callback(end_runs, settings, keep_listeners=keep_listeners)  # after the daemon, which begins them again
        # Sessions of their own: Ctrl-C reaches us alone, and we stop them in order.
        children = {
            name: parent_watch.start(*command, env=environment, start_new_session=True)
            for name, command in _commands(host, port).items()
        }
        present.note({name: child.pid for name, child in children.items()})
        stack.callback(stop, list(children.values()))
        out().print(f"UI: http://{host}:{port} on {settings.home} (Ctrl-C stops it)", soft_wrap=True)
        gone = wait_for_end(children, heard)
    if gone is not None:
        raise fail(f"the {gone} ended by itself (exit code {children[gone].returncode}); its messages are above")


def _commands(host: str, port: int) -> dict[str, list[str]]:
    # Without -w the workspace file is ignored beside a [tool.dg] block.
    workspace = str(project_file(WORKSPACE_FILE))
    return {
        "webserver": [WEBSERVER, "--workspace", workspace, "--host", host, "--port", str(port)],
        "daemon": ["dagster._daemon", "run", "-w", workspace],
    }


def _universe_of(settings: Settings, stack: ExitStack) -> dict[str, str]:
    """For a home that the demo made: its sandbox again, so that runs started in the UI don't ask the live venues."""
    universe = claimed_universe(settings.home)
    if universe is None:
        return {}
    from echelon_pipeline.sandbox.server.process import SandboxProcess

    return environment_of(stack.enter_context(SandboxProcess(**universe)))


@contextmanager
def noted_signals() -> Iterator[Sequence[int]]:
    """The signals that ask us to end: the first one is noted, and what stops in order is not broken off by others."""
    heard: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    # A closed terminal must not leave the children alone; one that is ignored (nohup) changes nothing.
    meant = [n for n in stopping.SIGNALS if signal.getsignal(n) is not signal.SIG_IGN or n is not signal.SIGHUP]
    before = {number: signal.signal(number, ask) for number in meant}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_end(children: Mapping[str, subprocess.Popen[bytes]], heard: Sequence[int]) -> str | None:
    """Waits for a signal that ends us (None) or for the first child that ends by itself (its name)."""
    while not heard:
        for name, child in children.items():
            if child.poll() is not None:
                return name
        time.sleep(POLL_SECONDS)
    return None


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


def _end_dead_runs(settings: Settings) -> None:
    import dagster as dg

    from echelon_pipeline.ops.dead_runs import end_dead_runs

    enter_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        end_dead_runs(instance, settings)


def end_runs(settings: Settings, *, keep_listeners: bool, seconds: float = STOP_SECONDS) -> None:
    """Ends what the daemon left at work: listeners, which would record for hours unseen, and in a demo's home, whose
    venues end with us, every run. Other runs come to their end by themselves. Says what goes on."""
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
                until = "until its shift is over" if is_listener else "until it is done"
                out().print(f"{name}: run {run.run_id} of {process} goes on {until}", soft_wrap=True)
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
