"""A demo's home whose tables are deleted: the real command makes the same published file again, killed or not.

Belongs here: whole commands on a home of the demo's size. The rules have short tests in ``test_rederive.py``.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from echelon_pipeline.publish.reader import read_published
from echelon_pipeline_tests.dagster_records import HEARING

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

COMMAND = [sys.executable, "-c", HEARING]
TABLES = ("core.trades", "core.daily_prices", "core.fills", "core.resolutions")
REDERIVE = ("rederive", *(word for table in TABLES for word in ("--table", table)))
# When which part of a mart was built, of which versions of its inputs.
DERIVATION = {"core.mart_builds"}
WHO_AND_WHEN = {"unit_id", "run_id", "recorded_at"}


def echelon(home: Path, *arguments: str, killed_after: float | None = None) -> str | None:
    """What the command printed; None where it was killed before its end."""
    environment = {**os.environ, "ECHELON_HOME": str(home)}
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said, _ = process.communicate(timeout=killed_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    assert process.returncode == 0, said
    return said


def published(home: Path) -> Mapping[str, tuple[int, int]]:
    """Rows of each published table of ``core`` and ``mart``, and a sum of their hashes."""
    found = {}
    with read_published(home / "echelon.duckdb", lake=str(home / "lake")) as connection:
        query = "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        for (name,) in connection.execute(f"{query} WHERE table_schema IN ('core', 'mart')").fetchall():
            if name in DERIVATION:
                continue
            columns = [c for c, *_ in connection.execute(f"DESCRIBE {name}").fetchall() if c not in WHO_AND_WHEN]
            row = ", ".join(f'"{c}"' for c in columns)
            counted = connection.execute(f"SELECT count(*), sum(hash(({row}))::HUGEINT) FROM {name}").fetchone()
            assert counted is not None
            found[name] = counted
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("demo") / "home"
    echelon(home, "demo", "--listen", "0")
    echelon(home, "refresh")
    return home


def damaged(demo: Path, home: Path) -> Path:
    """A copy without four of its tables."""
    shutil.copytree(demo, home)
    for table in TABLES:
        shutil.rmtree(home / "lake" / table.replace(".", "/"))
    return home


def test_deleted_tables_come_back_and_the_published_file_is_the_same(demo: Path, tmp_path: Path) -> None:
    home = damaged(demo, tmp_path / "home")
    echelon(home, *REDERIVE)
    assert published(home) == published(demo)


def test_six_kills_leave_the_same_published_file(demo: Path, tmp_path: Path) -> None:
    home, rng, killed = damaged(demo, tmp_path / "home"), random.Random(1), 0
    for _ in range(6):
        killed += echelon(home, *REDERIVE, killed_after=rng.uniform(4.0, 14.0)) is None
    echelon(home, *REDERIVE)
    assert killed > 0
    assert published(home) == published(demo)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_raw_file_that_is_missing_is_named_and_its_days_are_not_claimed(
    demo: Path, tmp_path: Path, venue: str
) -> None:
    home = damaged(demo, tmp_path / "home")
    next((home / "lake" / "raw" / "objects").glob(f"venue={venue}/endpoint=trades/**/*.parquet")).unlink()
    said = echelon(home, *REDERIVE)
    assert f"core.trades of {venue}:" in str(said)
    before, after = published(demo), published(home)
    assert after["core.trades"][0] < before["core.trades"][0]
    for same in ("core.fills", "core.resolutions"):
        assert after[same] == before[same]
    claims = "SELECT count(*) FROM mart.trade_volume WHERE is_complete AND venue = $venue"
    opened = "SELECT count(*) FROM core.ingest_windows WHERE venue = $venue AND reason LIKE 'raw is gone%'"
    with read_published(home / "echelon.duckdb", lake=str(home / "lake")) as connection:
        assert connection.execute(claims, {"venue": venue}).fetchone() == (0,)
        assert connection.execute(opened, {"venue": venue}).fetchone() != (0,)
