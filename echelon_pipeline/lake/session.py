"""What a unit of work needs: settings, lake, windows, clock, progress, ids.

Belongs here: the context that ``ingest`` passes through its functions. No venue rules, no SQL.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.raw import RawStore
from echelon_pipeline.lake.windows import Window, Windows
from echelon_pipeline.settings import Settings

Venue = str  # its name (``venues/registry.py``)
Progress = Callable[[str, int, int | None], None]


def silent(_stage: str, _done: int, _total: int | None) -> None:
    """A progress callback that shows nothing."""


def midnight(day_start: datetime) -> datetime:
    """The UTC midnight at or before a time."""
    return day_start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass
class Counts:
    """What a unit did; summed over its parts and shown as run metadata. ``absent``: data that the venue does not have.
    ``unread_rows``: requested rows that could not be read, over all dead letters that count."""

    pages: int = 0
    objects: int = 0
    unchanged: int = 0
    filtered_out: int = 0
    dead_letters: int = 0
    unread_rows: int = 0
    new: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    staged: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int | float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        """Adds another part's counts to these."""
        self.pages += other.pages
        self.objects += other.objects
        self.unchanged += other.unchanged
        self.filtered_out += other.filtered_out
        self.dead_letters += other.dead_letters
        self.unread_rows += other.unread_rows
        for mine, theirs in ((self.new, other.new), (self.changed, other.changed), (self.staged, other.staged)):
            for table, rows in theirs.items():
                mine[table] = mine.get(table, 0) + rows
        for name, value in other.requests.items():
            self.requests[name] = self.requests.get(name, 0) + value
        self.notes += other.notes
        self.absent += other.absent


@dataclass
class Session:
    """One process's access to the lake, shared by its units of work."""

    settings: Settings
    lake: Lake
    windows: Windows
    run_id: str | None = None
    progress: Progress = silent

    @classmethod
    def of(cls, settings: Settings, *, run_id: str | None = None, progress: Progress = silent) -> Session:
        """A session on the configured lake."""
        lake = Lake.of(settings)
        return cls(settings, lake, Windows(lake, settings.clock), run_id, progress)

    def clock(self) -> datetime:
        """The current time, UTC (the frozen clock if one is set)."""
        return self.settings.clock()

    @contextmanager
    def unit(self) -> Iterator[Unit]:
        """A unit of work with a scratch folder that is deleted afterwards."""
        started = datetime.now(UTC)  # ids sort by real time, even under a frozen clock
        unit_id = f"{started:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        scratch = self.settings.scratch / unit_id
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            yield Unit(self, unit_id, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def duck(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A DuckDB connection with the lake's limits."""
        return self.lake.duck()


@dataclass
class Unit:
    """One unit of work. ``unit_id`` sorts by time and is stored in every raw row and window that the unit wrote."""

    session: Session
    unit_id: str
    scratch: Path

    def store(
        self, venue: str, parser_version: int, *, listing: bool = False, every: bool = False, share: int = 1
    ) -> RawStore:
        """A raw store of this unit; ``share``: a fraction of the configured objects per flush, for large ones."""
        session = self.session
        return RawStore(
            session.lake,
            venue=venue,
            unit_id=self.unit_id,
            parser_version=parser_version,
            flush_objects=max(1, session.settings.raw_flush_objects // share),
            listing=listing,
            every=every,
        )

    def window(
        self,
        venue: str,
        table: str,
        scope: str,
        span: tuple[datetime, datetime],
        *,
        state: str = "complete",
        reason: str | None = None,
        counts: Counts | None = None,
        rows: int = 0,
        unread_rows: int | None = None,
    ) -> Window:
        """A window row of this unit; an empty span (under a frozen clock) becomes one microsecond. ``unread_rows``:
        the count of this window alone, if ``counts`` cover more than the window."""
        counts = counts or Counts()
        begin, end = span
        return Window(
            venue=venue,
            table_name=table,
            scope=scope,
            from_at=begin,
            to_at=end if end > begin else begin + timedelta(microseconds=1),
            state=state,
            reason=reason,
            rows=rows,
            dead_letters=counts.dead_letters,
            unread_rows=counts.unread_rows if unread_rows is None else unread_rows,
            filtered_out=counts.filtered_out,
            pages=counts.pages,
            unit_id=self.unit_id,
            run_id=self.session.run_id,
        )
