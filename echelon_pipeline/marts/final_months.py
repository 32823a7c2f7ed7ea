"""Months of the builder report that are marked final: computed once more, and appended to ``core.builder_statements``.

Belongs here: what must hold before a month is final, and the commit. ``sql/marts/builder_report.sql`` reads the latest
statement of a month in place of current figures.
"""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from echelon_pipeline.errors import NotComplete, NotFound
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.marts import marts, pin, settings_params, stage
from echelon_pipeline.marts.refresh import WAIT_SECONDS, Refresh
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.state.holding import hold_lease
from echelon_pipeline.tables import TABLES

REPORT = "mart.builder_report"
STATEMENTS = "core.builder_statements"
# What the figures of a statement are computed from.
_SOURCES = ("core.builder_legs", "mart.builder_volume")


@dataclass(frozen=True)
class FinalMonth:
    """A month that was marked final: its statement, and the number of its rows and codes."""

    month: date
    statement_id: str
    rows: int
    codes: int


def mark_final(settings: Settings, month: date, *, incomplete: bool = False, again: bool = False) -> FinalMonth:
    """Appends a statement with the figures of a month, computed from the lake as it is now.

    ``incomplete``: also if days were not read completely or matches are open. ``again``: also if the month is final
    already; the new statement counts, the earlier ones stay. Raises NotComplete, NotFound (no figures of the month),
    Conflict (a refresh takes longer than 15 minutes).
    """
    now, begin = settings.clock(), month.replace(day=1)
    end = (begin + timedelta(days=32)).replace(day=1)
    if now < datetime(end.year, end.month, 1, tzinfo=UTC):
        raise NotComplete(
            f"{begin:%Y-%m} is not over: it ends on {end - timedelta(days=1)} (UTC), and by the clock of this home it "
            f"is {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        )
    with hold_lease(settings, f"refresh of {settings.lake_root}", wait=WAIT_SECONDS) as hold:
        lake = Lake.of(settings, fence=hold.check)
        _require_fresh(settings)
        earlier = _statements(lake, begin)
        if earlier and not again:
            raise NotComplete(
                f"{begin:%Y-%m} is final already ({earlier[-1]}); --again adds a statement that replaces it"
            )
        rows, versions = _figures(settings, lake, begin, now)
        _require_complete(rows, begin, incomplete=incomplete)
        statement_id = f"{begin:%Y-%m}/{len(earlier) + 1}-{secrets.token_hex(3)}"
        facts = {"month": begin, "statement_id": statement_id, "final_at": now, "table_versions": versions}
        made = [{**row, **facts} for row in rows]
        lake.append(STATEMENTS, pa.Table.from_pylist(made, schema=TABLES[STATEMENTS].arrow_schema()))
    return FinalMonth(begin, statement_id, len(made), len({row["builder_code"] for row in rows} - {"all_codes"}))


def _require_fresh(settings: Settings) -> None:
    """Raises NotComplete if the figures would be computed from tables that are older than their inputs."""
    refresh = Refresh(settings)
    stale = [m.name for m in marts() if m.name in _SOURCES and refresh.stale(m)]
    if stale:
        raise NotComplete(f"{', '.join(stale)}: older than the lake; run `echelon refresh` first")


def _statements(lake: Lake, month: date) -> list[str]:
    """Ids of the statements of a month, the latest last."""
    query = f"""
        SELECT statement_id FROM ({lake.scan(STATEMENTS)}) WHERE month = $month
        GROUP BY statement_id ORDER BY max(final_at), statement_id
    """
    with lake.duck() as connection:
        return [row[0] for row in connection.execute(query, {"month": month}).fetchall()]


def _figures(settings: Settings, lake: Lake, month: date, now: datetime) -> tuple[list[dict[str, object]], str]:
    """Rows of the report of a month without statements, and the versions of the tables that they are from."""
    (report,) = (m for m in marts() if m.name == REPORT)
    pinned = {**pin(lake, report), STATEMENTS: None}
    scratch = settings.scratch / f"statement-{secrets.token_hex(4)}"
    try:
        staged, _ = stage(lake, report, pinned, settings_params(settings, now), None, scratch)
        query = f"SELECT * FROM read_parquet({literal(str(staged))}) WHERE range = 'month' AND range_start = $month"
        with lake.duck() as connection:
            found = connection.execute(query, {"month": month})
            names = [column[0] for column in found.description or ()]
            rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    read = {**pinned, "core.fills": lake.open("core.fills")}
    versions = {name: [t.table_id, t.version] for name, t in sorted(read.items()) if t is not None}
    kept = set(TABLES[STATEMENTS].names)
    return [{name: value for name, value in row.items() if name in kept} for row in rows], json.dumps(versions)


def _require_complete(rows: list[dict[str, object]], month: date, *, incomplete: bool) -> None:
    """Raises NotFound without rows, NotComplete if a code's total is not complete or has open matches."""
    if not rows:
        raise NotFound(f"there are no figures of {month:%Y-%m}: no fill of a configured code was read in that month")
    faults = []
    for row in rows:
        if row["dimension"] == "total" and not row["is_complete"]:
            faults.append(f"{row['builder_code']}: {row['incomplete_reason']}")
        elif row["dimension"] == "total" and row["open_volume_usd"]:
            faults.append(f"{row['builder_code']}: matches over {row['open_volume_usd']} USD are not final")
    if faults and not incomplete:
        raise NotComplete(f"{month:%Y-%m} is not complete: {'; '.join(faults)}. --incomplete marks it final anyway")
