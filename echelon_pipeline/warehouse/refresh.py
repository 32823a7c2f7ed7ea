"""Which marts are older than their inputs, and by which days; builds exactly those, inputs first.

Belongs here: the bookkeeping in ``core.mart_builds`` and the order of work. Computing a mart is ``marts.py``'s.

A look at a mart asks the log what its inputs' commits since the last look changed. The days that this reaches (a
changed day and the lookback after it) are recorded as wanted, together with the versions that were looked at; a
day is stale until it was built from versions pinned after that. Data is committed first, its record last: a
refresh killed anywhere does the missing part again and ends with the same rows.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from echelon_pipeline import stopping
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqlfiles import Statement, statements
from echelon_pipeline.tables import TABLES
from echelon_pipeline.warehouse.changes import EVERYTHING, Changed, changed_since
from echelon_pipeline.warehouse.lake import Lake
from echelon_pipeline.warehouse.locks import one_at_a_time
from echelon_pipeline.warehouse.marts import (
    SPAN_DAYS,
    Mart,
    Params,
    Pinned,
    compute,
    expose,
    listed,
    marts,
    pin,
    settings_params,
)

BUILDS = "core.mart_builds"
ALL = "all"
# A full build of a large lake takes minutes; whoever waits longer than this for another's tries again later.
LOCK_SECONDS = 900.0


@dataclass(frozen=True)
class Built:
    """A part of a mart that was built: a UTC day, or "all"."""

    table: str
    part: str
    rows: int


@dataclass(frozen=True)
class _Record:
    part: str
    kind: str
    pinned_at: datetime
    inputs: str | None = None
    code: str | None = None
    rows: int | None = None


class Refresh:
    """One process's refresh of one lake; of one home, one at a time: an older one that ends last would win."""

    def __init__(self, settings: Settings, *, run_id: str | None = None) -> None:
        self._lake = Lake.of(settings)
        self._now = settings.clock()
        self._params: Params = settings_params(settings, self._now)
        self._run_id = run_id
        self._lock = settings.home / "refresh.lock"
        self._scratch: Path = settings.scratch / f"refresh-{secrets.token_hex(4)}"

    def run(
        self, only: Collection[str] = (), *, days: Sequence[date] | None = None, again: bool = False
    ) -> Iterator[Built]:
        """Builds what is stale (of the marts ``only``, of the ``days``), part by part, inputs first.

        ``again``: fresh parts too. Raises RuleViolation, Conflict, DiskFull, NewerLake, CorruptStore.
        """
        try:
            with one_at_a_time(self._lock, LOCK_SECONDS):
                for mart in marts():
                    if not only or mart.name in only:
                        yield from self._mart(mart, days, again=again)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def stale(self, mart: Mart, *, unless_since: datetime | None = None) -> list[str]:
        """Parts that are older than their inputs: days, or "all"; none where the last look is no older than that."""
        looked = [r.pinned_at for r in self._recorded(mart) if r.kind == "checked"]
        if unless_since is not None and looked and max(looked) >= unless_since:
            return []
        return self._look(mart, pin(self._lake, mart), datetime.now(UTC))[0]

    def _mart(self, mart: Mart, days: Sequence[date] | None, *, again: bool) -> Iterator[Built]:
        at, pinned = datetime.now(UTC), pin(self._lake, mart)
        parts, records = self._look(mart, pinned, at)
        if again:
            wanted = [r.part for r in (*self._recorded(mart), *records) if r.kind == "wanted"]
            parts = sorted({*wanted, *map(str, _input_days(mart, pinned))}) if mart.is_dated else [ALL]
        if days is not None and mart.is_dated:
            parts = [p for p in parts if date.fromisoformat(p) in set(days)]
        inputs, code = self._versions(mart, pinned), mart.code(self._params)
        for span in _spans(parts) if mart.is_dated else [None] * bool(parts):
            stopping.check()
            rows = compute(self._lake, mart, pinned, self._params, span, self._scratch)
            built = [Built(mart.name, p, rows.get(p, 0)) for p in _parts(span)]
            records += [_Record(b.part, "built", at, inputs, code, b.rows) for b in built]
            self._record(mart, records)
            records = []
            yield from built
        self._record(mart, records)

    def _look(self, mart: Mart, pinned: Pinned, at: datetime) -> tuple[list[str], list[_Record]]:
        """Stale parts, and what is to be recorded of this look: nothing where nothing changed."""
        known = {(r.part, r.kind): r for r in self._recorded(mart)}
        checked, versions = known.get((ALL, "checked")), self._versions(mart, pinned)
        if checked is None or checked.inputs != versions:
            seen = json.loads(checked.inputs or "{}") if checked else None
            changed = {i: EVERYTHING if seen is None else changed_since(pinned[i], seen.get(i)) for i in mart.inputs}
            found = [_Record(p, "wanted", at) for p in self._wanted(mart, pinned, changed, known)]
            found.append(_Record(ALL, "checked", at, versions))
        else:
            found = []
        known |= {(r.part, r.kind): r for r in found}
        code = mart.code(self._params)
        return sorted(part for part, kind in known if kind == "wanted" and _is_stale(known, part, code)), found

    def _wanted(
        self, mart: Mart, pinned: Pinned, changed: dict[str, Changed], known: Collection[tuple[str, str]]
    ) -> list[str]:
        if not mart.is_dated:
            return [ALL] if any(changed.values()) or "now" in mart.parameters else []
        # Days without rows of an input too: an outcome is known on days on which nothing was traded.
        built = {date.fromisoformat(part) for part, kind in known if kind == "built"}
        days = _reached(changed, _input_days(mart, pinned) | built, mart.lookback(self._params))
        return sorted(map(str, days | self._invalid(mart, pinned)))

    def _versions(self, mart: Mart, pinned: Pinned) -> str:
        """What a look saw: versions of the inputs and of what the stale statement reads, and the clock's hour where
        the mart speaks of now."""
        tables = sorted({*mart.inputs, *(t for s in _stale_statements(mart) for t in listed(s.header["inputs"]))})
        seen: dict[str, object] = {t: s.version if (s := pinned[t]) else None for t in tables if t != mart.name}
        if "now" in mart.parameters:
            seen["now"] = f"{self._now:%Y-%m-%dT%H}"
        return json.dumps(seen, sort_keys=True)

    def _invalid(self, mart: Mart, pinned: Pinned) -> set[date]:
        """Days that the mart's own statement of ``sql/stale`` names: a lookup contradicts or misses their rows."""
        days: set[date] = set()
        for statement in _stale_statements(mart):
            with self._lake.duck(private=True) as connection:
                expose(connection, (*mart.relations, mart.name), {**pinned, mart.name: self._lake.open(mart.name)})
                days |= {row[0] for row in connection.execute(statement.text).fetchall()}
        return days

    def _recorded(self, mart: Mart) -> list[_Record]:
        scan = self._lake.scan(BUILDS, where={"table_name": [mart.name]})
        with self._lake.duck() as connection:
            rows = connection.execute(f"SELECT part, kind, pinned_at, inputs, code, rows FROM ({scan})").fetchall()
        return [_Record(*row) for row in rows]

    def _record(self, mart: Mart, records: Sequence[_Record]) -> None:
        if not records:
            return
        rows = [{"table_name": mart.name, "run_id": self._run_id, **vars(r)} for r in records]
        path = self._scratch / f"{BUILDS}-{secrets.token_hex(4)}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=TABLES[BUILDS].arrow_schema()), path)
        self._lake.merge(BUILDS, [path])
        path.unlink()


def _stale_statements(mart: Mart) -> list[Statement]:
    return [s for s in statements("stale") if s.header["of"] == mart.name]


def _is_stale(known: dict[tuple[str, str], _Record], part: str, code: str) -> bool:
    built, wanted = known.get((part, "built")), known[part, "wanted"]
    return built is None or built.pinned_at < wanted.pinned_at or built.code != code


def _reached(changed: dict[str, Changed], days: set[date], lookback: int) -> set[date]:
    """Days whose rows may depend on what changed."""
    if any(c.everything for c in changed.values()):
        return days
    touched = {d for c in changed.values() for d in c.dates}
    return {d + timedelta(days=n) for d in touched for n in range(lookback + 1)} & (days | touched)


def _input_days(mart: Mart, pinned: Pinned) -> set[date]:
    """Days on which a dated input holds rows."""
    snapshots = [pinned[i] for i in mart.inputs if "date" in TABLES[i].partition_by]
    return {f.day for s in snapshots if s is not None for f in s.files}


def _spans(parts: Sequence[str]) -> list[tuple[date, date]]:
    """Runs of days that follow each other, cut after SPAN_DAYS."""
    days = [date.fromisoformat(p) for p in parts]
    runs = [[d for _, d in run] for _, run in groupby(enumerate(days), lambda x: x[1] - timedelta(days=x[0]))]
    return [(r[n], r[min(n + SPAN_DAYS, len(r)) - 1]) for r in runs for n in range(0, len(r), SPAN_DAYS)]


def _parts(span: tuple[date, date] | None) -> list[str]:
    if span is None:
        return [ALL]
    return [str(span[0] + timedelta(days=n)) for n in range((span[1] - span[0]).days + 1)]
