"""Bulk imports in tests: a home, files written as they are given, rows read back.

Belongs here: what tests of imports share. The rules are in ``unit/test_bulk*.py`` and ``cases/``.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest.bulk import ImportReport, import_file
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.fakes import RECORDINGS

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CASES = RECORDINGS.parent / "cases" / "2026-11"
Row = dict[str, Any]

needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="the cases (../shared/cases) are not beside this checkout")


def home_in(folder: Path) -> Settings:
    """Settings of a new home."""
    return Settings(home=folder / "home", now=NOW, min_free_mb=0)


def write_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """A CSV of the rows, gzipped where the name ends so."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def rows_of(home: Settings, table: str) -> list[Row]:
    """Every row of a table, by key; none where the table is not there yet."""
    key = ", ".join(TABLES[table].key)
    with connect() as connection:
        found = connection.sql(f"SELECT * FROM ({Lake.of(home).scan(table)}) ORDER BY {key}").to_arrow_table()
    rows: list[Row] = found.to_pylist()
    return rows


def load(
    home: Settings,
    path: Path,
    table: str | None = None,
    mapping: Mapping[str, str] | None = None,
    venue: str | None = "kalshi",
    **more: Any,
) -> ImportReport:
    """Imports a file and checks the accounts of the report."""
    report = import_file(home, path, table=table, venue=venue, mapping=mapping, **more)
    assert report.rows_read == report.rows_committed + report.duplicates + report.dead_letters
    assert sum(report.reasons.values()) == report.duplicates + report.dead_letters
    return report
