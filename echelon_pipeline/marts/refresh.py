"""Which marts are older than their inputs, and by which days; builds exactly those, inputs first.

Belongs here: the bookkeeping in ``core.mart_builds`` and the order of work. Computing a mart is ``marts.py``'s.

A look at a mart asks the log what its inputs' commits since the last look changed. The days that this reaches (a
changed day and the lookback after it) are recorded as wanted, together with the versions that were looked at; a
day is stale until it was built from versions pinned after that. Data is committed first, its record last: a
refresh killed anywhere does the missing part again and ends with the same rows.

A mart that fails stops only the marts that read it: these and itself keep their last version, all others are built.
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

import duckdb

from echelon_pipeline.errors import EchelonError, MartsFailed, NewerLake, Transient
from echelon_pipeline.lake.changes import EVERYTHING, Changed, changed_since
from echelon_pipeline.lake.delta import DataFile
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.builds import ALL, EMPTIED, FAILED, Builds, Record, held_back
from echelon_pipeline.marts.culprits import culprits
from echelon_pipeline.marts.marts import (
    SPAN_DAYS,
    Mart,
    Params,
    Pinned,
    expose,
    listed,
    marts,
    pin,
    settings_params,
    stage,
)
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline.state.holding import Hold, held
from echelon_pipeline.tables import TABLES

log = logging.getLogger(__name__)

# A full build of a large lake takes minutes. A refresh that waits longer for another one fails, to be tried later.
WAIT_SECONDS = 900.0


@dataclass(frozen=True)
class Built:
    """A part of a mart that was built: a UTC day, or "all"."""

    table: str
    part: str
    rows: int


Span = tuple[date, date] | None


class Refresh:
    """A refresh of a lake. One runs at a time: otherwise a slower, older one could overwrite a newer one."""

    def __init__(
        self, settings: Settings, *, run_id: str | None = None, guard: Callable[[Settings], None] | None = None
    ) -> None:
        """``guard``: called before anything is computed; it raises where the lake must not be computed from."""
        self._settings = settings
        self._guard = guard
        self._hold: Hold | None = None
        self._lake = Lake.of(settings, fence=self._fence)
        self._now = settings.clock()
        self._params: Params = settings_params(settings, self._now)
        self._scratch: Path = settings.scratch / f"refresh-{secrets.token_hex(4)}"
        self._builds = Builds(self._lake, self._scratch, run_id)

    def run(
        self,
        only: Collection[str] = (),
        *,
        days: Sequence[date] | None = None,
        again: bool = False,
        allow_empty: bool = False,
    ) -> Iterator[Built]:
        """Builds what is stale (of the marts ``only``, of the ``days``), part by part, inputs first.

        ``again``: fresh parts too. ``allow_empty``: a mart may lose all its rows although its inputs have some.
        Raises MartsFailed when all else is done; Conflict, DiskFull, NewerLake and what the guard raises at once.
        """
        failed: dict[str, str] = {}
        try:
            with held(self._settings, f"refresh of {self._settings.lake_root}", wait=WAIT_SECONDS) as self._hold:
                if self._guard:
                    self._guard(self._settings)
                chosen = [m for m in marts() if not only or m.name in only]
                broken = set(held_back(self._lake, FAILED)) - {m.name for m in chosen}
                for mart in chosen:
                    if read := sorted(broken & set(mart.tables)):
                        failed[mart.name] = f"not built, it reads {', '.join(read)}"
                        self._fail(mart, failed[mart.name])
                    else:
                        yield from self._attempt(mart, failed, days, again=again, allow_empty=allow_empty)
                    broken |= failed.keys()
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        if failed:
            raise MartsFailed(failed)

    def _fence(self) -> None:
        """Asked before each commit. Raises Conflict where another refresh has taken over."""
        if self._hold is not None:
            self._hold.check()

    def _attempt(
        self, mart: Mart, failed: dict[str, str], days: Sequence[date] | None, *, again: bool, allow_empty: bool
    ) -> Iterator[Built]:
        """Builds a mart; where it fails, its reason is in ``failed`` and in the records, and its last version stays."""
        try:
            yield from self._mart(mart, days, again=again, allow_empty=allow_empty)
        except (Transient, NewerLake):
            raise
        except Exception as error:
            # The reason of a known error is its message; of another one, a fault of the code, the traceback too.
            whole = not isinstance(error, EchelonError)
            log.log(logging.ERROR, "%s could not be built: %s", mart.name, error, exc_info=whole)
            failed[mart.name] = str(error).strip() or type(error).__name__
            self._fail(mart, failed[mart.name])

    def _fail(self, mart: Mart, reason: str) -> None:
        """Records that the last version of a mart is kept, and why."""
        self._builds.record(mart.name, [Record(ALL, FAILED, datetime.now(UTC), reason=reason)])

    def stale(self, mart: Mart, *, unless_since: datetime | None = None) -> list[str]:
        """Parts that are older than their inputs: days, or "all"; none where the last look is no older than that."""
        known = self._builds.of(mart.name)
        looked = [r.pinned_at for r in known if r.kind == "checked"]
        if unless_since is not None and looked and max(looked) >= unless_since:
            return []
        return self._look(mart, pin(self._lake, mart), datetime.now(UTC), known)[0]

    def _mart(self, mart: Mart, days: Sequence[date] | None, *, again: bool, allow_empty: bool) -> Iterator[Built]:
        at, pinned, known = datetime.now(UTC), pin(self._lake, mart), self._builds.of(mart.name)
        parts, records = self._look(mart, pinned, at, known)
        if again:
            wanted = [r.part for r in (*known, *records) if r.kind == "wanted"]
            parts = sorted({*wanted, *map(str, _input_days(mart, pinned))}) if mart.is_dated else [ALL]
        if days is not None and mart.is_dated:
            parts = [p for p in parts if date.fromisoformat(p) in set(days)]
        emptied: list[tuple[Span, Path]] = []
        for span in _spans(parts) if mart.is_dated else [None] * bool(parts):
            staged, rows = self._stage(mart, pinned, span)
            if not any(rows.values()) and self._rows(mart, span):
                emptied.append((span, staged))
            else:
                # What was found wanted goes with the first part: a commit of its own would cost a third of a refresh.
                yield from self._put(mart, pinned, span, staged, rows, at, records)
                records = []
        if emptied and not allow_empty and self._would_be_empty(mart, pinned, [span for span, _ in emptied]):
            reason = "its statement gives no row any more although its inputs have rows"
            log.warning(
                "%s keeps its last version: %s. Build it empty with `echelon refresh --allow-empty`.", mart.name, reason
            )
            self._builds.record(mart.name, [*records, Record(ALL, EMPTIED, at, reason=reason)])
            return
        for span, staged in emptied:
            yield from self._put(mart, pinned, span, staged, {}, at, records)
            records = []
        # Held back no longer, where it was.
        self._builds.record(mart.name, [*records, *(Record(ALL, r.kind, at) for r in known if r.reason is not None)])

    def _stage(self, mart: Mart, pinned: Pinned, span: Span) -> tuple[Path, dict[str, int]]:
        try:
            return stage(self._lake, mart, pinned, self._params, span, self._scratch)
        except duckdb.Error as error:
            found = culprits(self._lake, mart, pinned, self._params, span)
            raise type(error)(f"{found + ': ' if found else ''}{str(error).splitlines()[0]}") from error

    def _put(
        self,
        mart: Mart,
        pinned: Pinned,
        span: Span,
        staged: Path,
        rows: dict[str, int],
        at: datetime,
        records: Sequence[Record],
    ) -> Iterator[Built]:
        """Commits a staged part, then its record and ``records``."""
        self._lake.replace(mart.name, staged, span)
        staged.unlink()
        built = [Built(mart.name, p, rows.get(p, 0)) for p in _parts(span)]
        inputs, code = self._versions(mart, pinned), mart.code(self._params)
        done = [Record(b.part, "built", at, inputs, code, b.rows) for b in built]
        self._builds.record(mart.name, [*records, *done])
        yield from built

    def _files(self, mart: Mart) -> tuple[DataFile, ...]:
        table_version = self._lake.open(mart.name)
        return table_version.files if table_version else ()

    def _rows(self, mart: Mart, span: Span) -> int:
        """Rows that the mart holds now, of the span."""
        return sum(f.rows for f in self._files(mart) if span is None or span[0] <= f.day <= span[1])

    def _would_be_empty(self, mart: Mart, pinned: Pinned, spans: Sequence[Span]) -> bool:
        """Whether the mart holds rows of these spans only, while its inputs have rows."""
        left = self._rows(mart, None) - sum(self._rows(mart, span) for span in spans)
        given = (table_version for name in mart.inputs if (table_version := pinned[name]))
        return left == 0 and any(f.rows for table_version in given for f in table_version.files)

    def _look(
        self, mart: Mart, pinned: Pinned, at: datetime, recorded: Sequence[Record]
    ) -> tuple[list[str], list[Record]]:
        """Stale parts, and what is to be recorded of this look: nothing where nothing changed."""
        known = {(r.part, r.kind): r for r in recorded}
        checked, versions = known.get((ALL, "checked")), self._versions(mart, pinned)
        if checked is None or checked.inputs != versions:
            seen = json.loads(checked.inputs or "{}") if checked else None
            changed = {i: EVERYTHING if seen is None else changed_since(pinned[i], seen.get(i)) for i in mart.inputs}
            found = [Record(p, "wanted", at) for p in self._wanted(mart, pinned, changed, known)]
            found.append(Record(ALL, "checked", at, versions))
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


def _stale_statements(mart: Mart) -> list[Statement]:
    return [s for s in statements("stale") if s.header["of"] == mart.name]


def _is_stale(known: dict[tuple[str, str], Record], part: str, code: str) -> bool:
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
    dated = [pinned[i] for i in mart.inputs if "date" in TABLES[i].partition_by]
    return {f.day for s in dated if s is not None for f in s.files}


def _spans(parts: Sequence[str]) -> list[tuple[date, date]]:
    """Runs of days that follow each other, cut after SPAN_DAYS."""
    days = [date.fromisoformat(p) for p in parts]
    runs = [[d for _, d in run] for _, run in groupby(enumerate(days), lambda x: x[1] - timedelta(days=x[0]))]
    return [(r[n], r[min(n + SPAN_DAYS, len(r)) - 1]) for r in runs for n in range(0, len(r), SPAN_DAYS)]


def _parts(span: tuple[date, date] | None) -> list[str]:
    if span is None:
        return [ALL]
    return [str(span[0] + timedelta(days=n)) for n in range((span[1] - span[0]).days + 1)]
