"""What the benchmarks share: timing in a process of its own, peak memory, a line of result, the machine.

Ratios are against a peer or a floor measured in the same run: absolute times move with the machine.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

PACKAGES = ("duckdb", "polars", "pyarrow", "deltalake", "dagster")


@dataclass(frozen=True)
class Measured:
    """Seconds, peak resident megabytes of the process that did it, and what it returned."""

    seconds: float
    peak_mb: float
    value: Any


def isolated(work: Callable[..., Any], *args: Any) -> Measured:
    """Runs work in a spawned process; imports count towards memory, not towards time."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(theirs, work, args))
    process.start()
    theirs.close()
    try:
        result: Measured = ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{work.__name__} died with exit code {process.exitcode}") from None
    process.join()
    return result


def _measure(pipe: Any, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    begun = time.perf_counter()
    value = work(*args)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send(Measured(seconds, peak, value))
    pipe.close()


def median_of(runs: int, work: Callable[..., Any], *args: Any) -> Measured:
    """The median run of several, by seconds."""
    measured = sorted((isolated(work, *args) for _ in range(runs)), key=lambda m: m.seconds)
    return measured[statistics.median_low(range(runs))]


def report(name: str, **figures: Any) -> None:
    """Prints one line of JSON: the name, the figures, machine and versions."""
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps({"benchmark": name, **rounded, "machine": machine()}), flush=True)


def machine() -> str:
    """Cores, Python and package versions."""
    packages = " ".join(f"{p} {version(p)}" for p in PACKAGES)
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {packages}"


__all__ = ["Measured", "isolated", "machine", "median_of", "report"]
