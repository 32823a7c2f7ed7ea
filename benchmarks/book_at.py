"""The book of one instrument at one instant, by SQL on the published file: a day of 50 M changes of both venues."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.book_days import MIDNIGHT, VENUES, stored_bytes, write_hours
from benchmarks.common import isolated, report
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings

ASKED = 60
INSTRUMENTS = 2_000


def built(home: str, rows: int) -> tuple[int, float]:
    """Rows, and bytes of each; everything published."""
    settings = Settings(home=Path(home))
    stored = write_hours(settings, range(24), rows // 48, INSTRUMENTS)
    publish(settings, force=True)
    return stored, stored_bytes(settings) / stored


def asked(home: str) -> dict[str, float]:
    """Milliseconds of random questions on one open connection; the first one is told apart."""
    dice = random.Random(7)
    found: dict[str, list[float]] = {"book_at": [], "depth_within": []}
    with read_published(Settings(home=Path(home)).published_file) as connection:
        for _ in range(ASKED):
            # The first instruments change most: their row groups are what is read.
            place = dice.choice([0, 1, dice.randrange(INSTRUMENTS // 2)])
            name = f"{dice.choice(VENUES)}:I{place:06}"
            instant = MIDNIGHT + timedelta(seconds=dice.uniform(0, 24 * 3600 - 1))
            for function, more in (("book_at", ""), ("depth_within", ", 0.05")):
                begun = time.perf_counter()
                rows = connection.execute(f"FROM core.{function}(?, ?{more})", [name, instant]).fetchall()
                found[function].append((time.perf_counter() - begun) * 1000)
                if len(rows) != 1:
                    raise RuntimeError(f"{function} gave {len(rows)} rows for {name} at {instant}")
    figures = {"first_ms": found["book_at"][0]}
    for function, measured in found.items():
        figures[f"{function}_median_ms"] = statistics.median(measured)
        figures[f"{function}_p95_ms"] = statistics.quantiles(measured, n=20)[-1]
    return figures


def main(rows: int = 50_000_000) -> None:
    with tempfile.TemporaryDirectory() as home:
        made = isolated(built, home, rows)
        answers = isolated(asked, home)
    stored, bytes_per_row = made.value
    report(
        "book_at",
        rows=stored,
        bytes_per_row=bytes_per_row,
        **answers.value,
        peak_mb=answers.peak_mb,
        made_seconds=made.seconds,
        ok=answers.value["book_at_median_ms"] < 100,
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
