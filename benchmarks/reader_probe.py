"""(e) A reader that opens the published file every 250 ms while the main job runs and publishes.

Every open must succeed and answer; the figure is the share that does, and how long they take.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.common import isolated, report
from echelon_pipeline.errors import EchelonError
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import load_settings
from echelon_pipeline_tests.pipeline import ingest

UNIVERSE = SandboxOptions(events=60, instruments=400, days=30, trades=40_000)
EVERY = 0.25


def work(home: str, env: dict[str, str], rounds: int) -> int:
    """Ingests and publishes so many times."""
    settings = load_settings({**env, "ECHELON_HOME": home})
    for _ in range(rounds):
        ingest(settings, back=2)
        publish(settings, force=True)
    return rounds


def probe(path: Path, stop: threading.Event, times: list[float], failures: list[str]) -> None:
    """Opens, counts the trades, closes, until told to stop."""
    while not stop.is_set():
        begun = time.perf_counter()
        try:
            with read_published(path) as connection:
                connection.execute("SELECT count(*) FROM core.trades").fetchone()
        except EchelonError as error:
            failures.append(str(error))
        times.append(time.perf_counter() - begun)
        stop.wait(EVERY)


def main(rounds: int = 4) -> None:
    with tempfile.TemporaryDirectory() as home, SandboxProcess(UNIVERSE) as sandbox:
        isolated(work, home, sandbox.env(), 1)
        sandbox.advance(timedelta(hours=6))
        stop, times, failures = threading.Event(), list[float](), list[str]()
        reader = threading.Thread(target=probe, args=(Path(home) / "echelon.duckdb", stop, times, failures))
        reader.start()
        done = isolated(work, home, sandbox.env(), rounds)
        stop.set()
        reader.join()
    report(
        "e_reader_probe",
        opens=len(times),
        failures=len(failures),
        success=1 - len(failures) / len(times),
        median_ms=1000 * statistics.median(times),
        worst_ms=1000 * max(times),
        publications=done.value,
        ok=not failures,
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
