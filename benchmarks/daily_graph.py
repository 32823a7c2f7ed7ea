"""(c) The full daily graph on the demo universe, limits off, in process after start-up.

(d) is the same day's increment on one and on ten times the history.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg

from benchmarks.common import isolated, report
from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.ops.launching import run_main_job
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import load_settings

UNIVERSE = SandboxOptions()


def graph(home: str, env: dict[str, str], days: int, recorded: bool = True) -> float:
    """Seconds of one run of the main job over so many days, definitions loaded before.

    ``recorded``: with Dagster's records in its SQLite files, as the demo keeps them for the UI; else in memory.
    """
    settings = load_settings({**env, "ECHELON_HOME": home, "ECHELON_MAX_INSTRUMENTS": "0"})
    definitions = build_defs(settings)
    definitions.get_repository_def()
    today = settings.clock().date()
    records = Path(home) / "dagster"
    records.mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.local_temp(str(records)) if recorded else dg.DagsterInstance.ephemeral() as instance:
        begun = time.perf_counter()
        run_main_job(definitions, settings, [today - timedelta(days=n) for n in range(days)], instance=instance)
        return time.perf_counter() - begun


def main() -> None:
    for recorded in (False, True):
        with tempfile.TemporaryDirectory() as home, SandboxProcess(UNIVERSE) as sandbox:
            first = isolated(graph, home, sandbox.env(), 1, recorded)
            again = isolated(graph, home, sandbox.env(), 1, recorded)
        report(
            "c_daily_graph",
            dagster_records="on disk" if recorded else "in memory",
            instruments=UNIVERSE.instruments,
            trades_in_universe=UNIVERSE.trades,
            seconds=first.value,
            again_seconds=again.value,
            peak_mb=first.peak_mb,
            ok=first.value < 10,
        )
    figures = {}
    for times, days in ((1, 3), (10, 30)):
        with tempfile.TemporaryDirectory() as home, SandboxProcess(replace(UNIVERSE)) as sandbox:
            isolated(graph, home, sandbox.env(), days)
            sandbox.advance(timedelta(hours=12))
            figures[times] = isolated(graph, home, sandbox.env(), 1).value
    report(
        "d_increment",
        seconds_1x=figures[1],
        seconds_10x=figures[10],
        ratio=figures[10] / figures[1],
        ok=figures[10] / figures[1] <= 1.2,
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
