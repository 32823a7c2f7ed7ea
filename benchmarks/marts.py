"""(g) Every mart over 50 million trades and a million instruments: seconds, memory, and one day's late rows.

The floor is one scan of the same Parquet by DuckDB in the same run: of whole rows, and, much cheaper, of instrument,
price and size alone (a ninth of the processor time; no mart can do with these). ``python -m benchmarks.marts 5000000
100000`` is a tenth of it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import timedelta

from benchmarks.common import Measured, isolated, report
from benchmarks.marts_lake import BUILDER, DAYS, last_day, say_what_was_read, stage_late, write_lake
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.marts import marts
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.settings import Settings, load_settings

MEMORY_LIMIT_MB = 4096
LATE_ROWS = 10_000


def settings_of(home: str) -> Settings:
    """The settings of all steps."""
    return load_settings(
        {
            "ECHELON_HOME": home,
            "ECHELON_NOW": "2026-11-20T23:59:59Z",
            "ECHELON_MEMORY_LIMIT_MB": str(MEMORY_LIMIT_MB),
            "ECHELON_BUILDER_CODE": BUILDER,
        }
    )


def generate(home: str, trades: int, instruments: int) -> None:
    write_lake(settings_of(home), trades, instruments)


WHOLE_ROWS = "max(COLUMNS(*))"
THREE_COLUMNS = "sum(size::DOUBLE * price::DOUBLE), max(instrument_id)"


def floor(home: str, what: str) -> float:
    """Processor seconds of one scan of all trades."""
    lake = Lake.of(settings_of(home))
    begun = time.process_time()
    with lake.duck() as connection:
        connection.execute(f"SELECT {what} FROM ({lake.scan('core.trades')})").fetchall()
    return time.process_time() - begun


def build(home: str, mart: str) -> tuple[float, int, int]:
    """Processor seconds, parts and rows of what is stale of a mart."""
    begun = time.process_time()
    built = list(Refresh(settings_of(home)).run([mart]))
    return time.process_time() - begun, len(built), sum(b.rows for b in built)


def late(home: str, trades: int, instruments: int) -> None:
    """One day's late rows, and that they were read."""
    settings = settings_of(home)
    lake = Lake.of(settings)
    lake.merge("core.trades", [stage_late(settings, trades, instruments, LATE_ROWS)])
    say_what_was_read(lake, last_day(settings) - timedelta(days=DAYS - 1), run=1)


def _cpu(builds: Mapping[str, Measured]) -> float:
    return sum(float(b.value[0]) for b in builds.values())


def _seconds(builds: Mapping[str, Measured]) -> float:
    return sum(b.seconds for b in builds.values())


def main(trades: int = 50_000_000, instruments: int = 1_000_000) -> None:
    scale = {"trades": trades, "instruments": instruments, "days": DAYS, "memory_limit_mb": MEMORY_LIMIT_MB}
    names = [m.name for m in marts()]
    with tempfile.TemporaryDirectory() as home:
        made = isolated(generate, home, trades, instruments)
        report("g_marts_lake", **scale, seconds=made.seconds, peak_mb=made.peak_mb)
        scan = _floor(home, WHOLE_ROWS, scale)
        narrow = _floor(home, THREE_COLUMNS, scale)
        full: dict[str, Measured] = {}
        for name in names:
            full[name] = isolated(build, home, name)
            _say("g_mart", name, full[name], scan)
        isolated(late, home, trades, instruments)
        again: dict[str, Measured] = {}
        for name in names:
            again[name] = isolated(build, home, name)
            _say("g_mart_again", name, again[name], scan, share=again[name].seconds / full[name].seconds)
    scanning = {m.name: full[m.name] for m in marts() if "core.trades" in m.tables}
    peak = max(m.peak_mb for m in (*full.values(), *again.values()))
    dated = [m.name for m in marts() if m.is_dated]
    report(
        "g_marts",
        **scale,
        floor_seconds=scan.seconds,
        scanning=sorted(scanning),
        scanning_ratio=_seconds(scanning) / scan.seconds,
        scanning_cpu_ratio=_cpu(scanning) / scan.value,
        scanning_cpu_ratio_to_three_columns=_cpu(scanning) / narrow.value,
        full_seconds=_seconds(full),
        again_seconds=_seconds(again),
        again_share=_seconds(again) / _seconds(full),
        dated_again_share=_seconds({n: again[n] for n in dated}) / _seconds({n: full[n] for n in dated}),
        peak_mb=peak,
        ok=peak < 8192 and _seconds(scanning) <= 4 * scan.seconds and _seconds(again) <= 0.05 * _seconds(full),
    )


def _floor(home: str, what: str, scale: Mapping[str, int]) -> Measured:
    """The faster of two scans."""
    scan = min((isolated(floor, home, what) for _ in range(2)), key=lambda m: m.seconds)
    report("g_marts_floor", what=what, **scale, seconds=scan.seconds, cpu_seconds=scan.value, peak_mb=scan.peak_mb)
    return scan


def _say(line: str, name: str, measured: Measured, scan: Measured, **more: float) -> None:
    cpu, parts, rows = measured.value
    figures = {"seconds": measured.seconds, "ratio": measured.seconds / scan.seconds, "cpu_seconds": cpu}
    report(
        line, mart=name, **figures, cpu_ratio=cpu / scan.value, peak_mb=measured.peak_mb, parts=parts, rows=rows, **more
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
