"""Builds the marts and days that are older than their inputs, and exactly those, inputs first.

Belongs here: the order of work, commits and failures. ``staleness.py`` finds stale parts, ``marts.py`` computes a mart,
``builds.py`` stores records.

Data is committed first, its record last: after a kill at any point, the next refresh repeats the missing part and ends
with the same rows.

A failed mart stops only the marts that read it. They and the failed mart keep their last version; all others are built.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from echelon_pipeline.domain.days import consecutive, every_day
from echelon_pipeline.errors import EchelonError, MartsFailed, NewerLake, RuleViolation, Transient
from echelon_pipeline.lake.delta import DataFile
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.agents import AGENTS, sync_agents
from echelon_pipeline.marts.builds import ALL, EMPTIED, FAILED, Builds, Record, outdated_marts
from echelon_pipeline.marts.failing_rows import failing_rows
from echelon_pipeline.marts.marts import (
    SPAN_DAYS,
    Mart,
    Params,
    Pinned,
    marts,
    pin,
    settings_params,
    stage,
)
from echelon_pipeline.marts.staleness import Staleness, input_days
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.holding import Hold, hold_lease

log = logging.getLogger(__name__)

# A full build of a large lake takes minutes. A refresh that waits longer for another one fails and can be retried.
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
        """``guard``: called before anything is computed; it raises if marts must not be computed from this lake."""
        self._settings = settings
        self._guard = guard
        self._broken: set[str] = set()  # marts of this run whose rows broke their rules
        self._hold: Hold | None = None
        self._lake = Lake.of(settings, fence=self._fence)
        self._now = settings.clock()
        self._params: Params = settings_params(settings, self._now)
        self._scratch: Path = settings.scratch / f"refresh-{secrets.token_hex(4)}"
        self._builds = Builds(self._lake, self._scratch, run_id)
        self._staleness = Staleness(self._lake, self._params, self._now)

    def run(
        self,
        only: Collection[str] = (),
        *,
        days: Sequence[date] | None = None,
        again: bool = False,
        allow_empty: bool = False,
    ) -> Iterator[Built]:
        """Builds stale parts (only of the marts ``only`` and the ``days``, if given), inputs first.

        ``again``: builds fresh parts too. ``allow_empty``: a mart may lose all rows although its inputs have some.
        Raises MartsFailed after all other marts are built; Conflict, DiskFull, NewerLake and the guard's error at once.
        """
        failed: dict[str, str] = {}
        self._broken.clear()
        try:
            with hold_lease(self._settings, f"refresh of {self._settings.lake_root}", wait=WAIT_SECONDS) as self._hold:
                if self._guard:
                    self._guard(self._settings)
                chosen = [m for m in marts() if not only or m.name in only]
                broken = set(outdated_marts(self._lake, FAILED)) - {m.name for m in chosen}
                for mart in chosen:
                    if failed_inputs := sorted(broken & set(mart.tables)):
                        failed[mart.name] = f"not built, it reads {', '.join(failed_inputs)}"
                        self._fail(mart, failed[mart.name])
                    else:
                        yield from self._attempt(mart, failed, days, again=again, allow_empty=allow_empty)
                    broken |= failed.keys()
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        if failed:
            raise MartsFailed(failed, broken=self._broken)

    def _fence(self) -> None:
        """Runs before each commit. Raises Conflict if another refresh has taken over the lease."""
        if self._hold is not None:
            self._hold.check()

    def _attempt(
        self, mart: Mart, failed: dict[str, str], days: Sequence[date] | None, *, again: bool, allow_empty: bool
    ) -> Iterator[Built]:
        """Builds a mart. If it fails, it keeps its last version; the reason is stored in ``failed`` and the records."""
        try:
            if AGENTS in mart.inputs:
                sync_agents(self._settings, self._lake, self._scratch)
            yield from self._mart(mart, days, again=again, allow_empty=allow_empty)
        except (Transient, NewerLake):
            raise
        except Exception as error:
            # An unclassified error is a fault of the code: its traceback is logged too.
            is_fault = not isinstance(error, EchelonError)
            log.log(logging.ERROR, "%s could not be built: %s", mart.name, error, exc_info=is_fault)
            failed[mart.name] = str(error).strip() or type(error).__name__
            if isinstance(error, RuleViolation):
                self._broken.add(mart.name)
            self._fail(mart, failed[mart.name])

    def _fail(self, mart: Mart, reason: str) -> None:
        """Records that a mart keeps its last version, and the reason."""
        self._builds.record(mart.name, [Record(ALL, FAILED, datetime.now(UTC), reason=reason)])

    def stale(self, mart: Mart, *, unless_since: datetime | None = None) -> list[str]:
        """Parts that are older than their inputs: days, or "all". Empty if the mart was checked at or after
        ``unless_since``."""
        known = self._builds.of(mart.name)
        checks = [r.pinned_at for r in known if r.kind == "checked"]
        if unless_since is not None and checks and max(checks) >= unless_since:
            return []
        return self._staleness.check(mart, pin(self._lake, mart), datetime.now(UTC), known)[0]

    def _mart(self, mart: Mart, days: Sequence[date] | None, *, again: bool, allow_empty: bool) -> Iterator[Built]:
        at, pinned, known = datetime.now(UTC), pin(self._lake, mart), self._builds.of(mart.name)
        parts, records = self._staleness.check(mart, pinned, at, known)
        if again:
            wanted = [r.part for r in (*known, *records) if r.kind == "wanted"]
            parts = sorted({*wanted, *map(str, input_days(mart, pinned))}) if mart.is_dated else [ALL]
        if days is not None and mart.is_dated:
            parts = [p for p in parts if date.fromisoformat(p) in set(days)]
        emptied: list[tuple[Span, Path]] = []
        for span in _spans(parts) if mart.is_dated else [None] * bool(parts):
            staged, rows = self._stage(mart, pinned, span)
            if not any(rows.values()) and self._rows(mart, span):
                emptied.append((span, staged))
            else:
                # The wanted records go with the first part: a commit of their own would cost a third of a refresh.
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
        # The mart was built: it is no longer outdated.
        self._builds.record(mart.name, [*records, *(Record(ALL, r.kind, at) for r in known if r.reason is not None)])

    def _stage(self, mart: Mart, pinned: Pinned, span: Span) -> tuple[Path, dict[str, int]]:
        try:
            return stage(self._lake, mart, pinned, self._params, span, self._scratch)
        except duckdb.Error as error:
            where = failing_rows(self._lake, mart, pinned, self._params, span)
            raise type(error)(f"{where + ': ' if where else ''}{str(error).splitlines()[0]}") from error

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
        inputs, code = self._staleness.versions(mart, pinned), mart.code(self._params)
        done = [Record(b.part, "built", at, inputs, code, b.rows) for b in built]
        self._builds.record(mart.name, [*records, *done])
        yield from built

    def _files(self, mart: Mart) -> tuple[DataFile, ...]:
        table_version = self._lake.open(mart.name)
        return table_version.files if table_version else ()

    def _rows(self, mart: Mart, span: Span) -> int:
        """Number of rows of the mart in the span now."""
        return sum(f.rows for f in self._files(mart) if span is None or span[0] <= f.day <= span[1])

    def _would_be_empty(self, mart: Mart, pinned: Pinned, spans: Sequence[Span]) -> bool:
        """Whether all rows of the mart are in these spans, while its inputs have rows."""
        left = self._rows(mart, None) - sum(self._rows(mart, span) for span in spans)
        inputs = (table_version for name in mart.inputs if (table_version := pinned[name]))
        return left == 0 and any(f.rows for table_version in inputs for f in table_version.files)


def _spans(parts: Sequence[str]) -> list[tuple[date, date]]:
    """Runs of consecutive days, split after SPAN_DAYS."""
    runs = consecutive(map(date.fromisoformat, parts))
    return [(r[n], r[min(n + SPAN_DAYS, len(r)) - 1]) for r in runs for n in range(0, len(r), SPAN_DAYS)]


def _parts(span: tuple[date, date] | None) -> list[str]:
    return [ALL] if span is None else [str(day) for day in every_day(*span)]
