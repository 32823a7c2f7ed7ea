"""(f) Peak memory of ingesting a million instruments and five million trades, and what a second run costs.

Takes some 15 minutes on two cores; `python -m benchmarks.universe_memory 100000 500000` is a tenth of it. One process
does both venues, fetch to trades; another one does it again, when nothing has changed. The peak after each step is the
process's so far: what a step keeps, the next one starts with.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable

from benchmarks.common import isolated, report
from echelon_pipeline.ingest import main as steps
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import load_settings
from echelon_pipeline_tests.pipeline import VENUES, days_of

DAYS = 30


def ingest(home: str, env: dict[str, str]) -> dict[str, float]:
    """Seconds of each step and the peak in MB after it, over both venues, nothing bounded."""
    bounds = {"ECHELON_MAX_INSTRUMENTS": "0", "ECHELON_HISTORY_DAYS": str(DAYS), "ECHELON_DAYS_BACK": str(DAYS - 1)}
    settings = load_settings({**env, **bounds, "ECHELON_HOME": home})
    session, days = Session.of(settings), days_of(settings)
    figures: dict[str, float] = {}
    for venue in VENUES:
        work: dict[str, Callable[[], Counts]] = {
            "fetch": lambda venue=venue: steps.fetch(session, venue),  # type: ignore[misc]
            "derive": lambda venue=venue: steps.derive(session, venue),  # type: ignore[misc]
            "trades": lambda venue=venue: steps.trades(session, venue, days),  # type: ignore[misc]
        }
        for name, step in work.items():
            begun = time.perf_counter()
            step()
            figures[f"{venue}_{name}_seconds"] = round(time.perf_counter() - begun, 1)
            figures[f"{venue}_{name}_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


def main(instruments: int = 1_000_000, trades: int = 5_000_000) -> None:
    universe = SandboxOptions(events=instruments // 7, instruments=instruments, trades=trades, days=DAYS)
    with tempfile.TemporaryDirectory() as home, SandboxProcess(universe) as sandbox:
        first = isolated(ingest, home, sandbox.env())
        again = isolated(ingest, home, sandbox.env())
    report(
        "f_universe_memory",
        instruments=instruments,
        trades=trades,
        seconds=first.seconds,
        peak_mb=first.peak_mb,
        again_seconds=again.seconds,
        again_peak_mb=again.peak_mb,
        steps=first.value,
        again_steps=again.value,
        ok=first.peak_mb < 1000,
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
