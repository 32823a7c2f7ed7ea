"""Calibration of recorded Polymarket history: daily bars, and what their markets paid.

Winners are recorded by label: the outcomes of the bars' tokens are proven by the chain's own arithmetic, the bars
name their tokens' labels, and so the import knows which outcome won. Run this module to print the curve.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from echelon_pipeline.ingest.bulk import import_file
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline_tests.contract.test_bulk_recordings import (
    CANDLES,
    PANCAKE,
    RESOLUTIONS,
    Kind,
    known_outcomes,
    paths,
    read,
    run_kind,
    settings_at,
)
from echelon_pipeline_tests.fakes import needs_recordings

pytestmark = needs_recordings

Row = dict[str, Any]
CALIBRATION, CURVE = "mart.calibration", "mart.calibration_curve"
JULY, PAID_IN_SUMMER = f"{PANCAKE}/candles_1d_2024-07.parquet", f"{PANCAKE}/resolutions_2024-0[78].parquet"


def labels(pattern: str) -> dict[str, str]:
    """Token to its label, as the bars say."""
    found: dict[str, str] = {}
    for path in paths(pattern):
        for bar in pq.read_table(path, columns=["external_ids", "outcome_label"]).to_pylist():
            found[json.loads(bar["external_ids"])["token_id"]] = bar["outcome_label"]
    return found


def calibrated(home: Path, pattern: str, resolved: str = RESOLUTIONS) -> None:
    """Imports the bars and the resolutions, and builds the marts."""
    by_token = labels(pattern)
    home.mkdir(parents=True, exist_ok=True)
    with (home / "outcomes.csv").open("w", newline="") as file:
        names = ("instrument", "token_id", "outcome_index", "label")
        csv.writer(file).writerows([names, *((c, t, i, by_token[t]) for c, t, i in known_outcomes(pattern))])
    mapping = {name: name for name in names}
    import_file(settings_at(home), home / "outcomes.csv", table="outcomes", venue="polymarket", mapping=mapping)
    run_kind(Kind(resolved, "resolutions", "pancake", lambda _: [], "polymarket"), home)
    run_kind(Kind(pattern, "daily-prices", "pancake", lambda _: [], "polymarket"), home)
    assert list(dict.fromkeys(b.table for b in Refresh(settings_at(home)).run([CALIBRATION, CURVE]))) == [
        CALIBRATION,
        CURVE,
    ]


def stored(home: Path, table: str, order: str) -> list[Row]:
    with connect() as connection:
        query = f"SELECT * FROM ({Lake.of(settings_at(home)).scan(table)}) ORDER BY {order}"
        rows: list[Row] = connection.sql(query).to_arrow_table().to_pylist()
        return rows


def expected_price(bars: dict[datetime, Decimal], at: datetime, oldest: timedelta) -> Decimal | None:
    """The last bar at or before the time, if it is young enough."""
    last = max((t for t in bars if t <= at), default=None)
    return None if last is None or at - last > oldest else bars[last]


def check_rows(home: Path, pattern: str, resolved: str = RESOLUTIONS) -> list[Row]:
    """Every row against the files, in plain Python; the rows."""
    tokens = {token: condition for condition, token, index in known_outcomes(pattern) if index == 0}
    label = labels(pattern)
    bars: dict[str, dict[datetime, Decimal]] = {}
    for bar in (b for path in paths(pattern) for b in read(path)):
        token = json.loads(bar["external_ids"])["token_id"]
        if token in tokens:
            # A bar is stamped some seconds after the midnight that ends its day.
            midnight = datetime.fromtimestamp(bar["observed_at"] - bar["observed_at"] % 86400, UTC)
            bars.setdefault(tokens[token], {})[midnight] = Decimal(str(bar["close"]))
    first_label = {condition: label[token] for token, condition in tokens.items()}
    paid = [r for path in paths(resolved) for r in read(path)]
    rows = {(r["instrument_id"], r["horizon"]): r for r in stored(home, CALIBRATION, "ALL")}
    assert len(rows) == 5 * len(paid)
    for resolution in paid:
        condition = json.loads(resolution["external_ids"])["condition_id"]
        known_at = datetime.fromtimestamp(resolution["resolved_at"], UTC)
        for horizon, days in (("1d", 1), ("7d", 7), ("30d", 30)):
            r = rows[f"polymarket:{condition}", horizon]
            length = timedelta(days=days)
            assert (r["outcome_known_at"], r["outcome_basis"]) == (known_at, "resolution")
            assert r["price"] == expected_price(bars.get(condition, {}), known_at - length, length / 4)
            if condition in first_label:
                assert r["outcome"] == int(first_label[condition] == resolution["winning_outcome_label"])
            else:
                assert r["missing_reason"] == "no_payout"
    return list(rows.values())


def test_recorded_markets_have_the_prices_and_payouts_of_the_files(tmp_path: Path) -> None:
    calibrated(tmp_path, JULY, PAID_IN_SUMMER)
    rows = check_rows(tmp_path, JULY, PAID_IN_SUMMER)
    assert sum(r["missing_reason"] is None for r in rows) > 20


@pytest.mark.slow
def test_recorded_prices_are_calibrated_a_week_and_a_month_ahead(tmp_path: Path) -> None:
    calibrated(tmp_path, CANDLES)
    rows = check_rows(tmp_path, CANDLES)
    reasons = Counter((r["horizon"], r["missing_reason"]) for r in rows)
    assert reasons["7d", None] > 1000
    for horizon in ("7d", "30d"):
        curve = [r for r in stored(tmp_path, CURVE, "bucket_from") if r["horizon"] == horizon and r["n_instruments"]]
        n = sum(r["n_instruments"] for r in curve)
        assert n == reasons[horizon, None]
        off = sum(abs(r["mean_outcome"] - r["mean_price"]) * r["n_instruments"] for r in curve) / n
        assert off < 0.06, curve
        assert curve[0]["mean_outcome"] < 0.1 < 0.9 < curve[-1]["mean_outcome"]
        assert sum(r["brier_score"] * r["n_instruments"] for r in curve) / n < 0.15


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        calibrated(Path(folder), CANDLES)
        counts = Counter(
            (r["horizon"], r["outcome_basis"], r["missing_reason"]) for r in stored(Path(folder), CALIBRATION, "ALL")
        )
        for key, count in sorted(counts.items(), key=str):
            sys.stdout.write(f"{key}: {count}\n")
        for line in stored(Path(folder), CURVE, "horizon_seconds, bucket_from"):
            sys.stdout.write(f"{line}\n")
