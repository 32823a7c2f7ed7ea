"""What was recorded of a venue, hour by hour: which segments speak of an hour, and whether its tables are of them.

Belongs here: segments on disk and what was meant to be watched. Making rows of them is ``books.py``'s.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from echelon_pipeline import __version__
from echelon_pipeline.errors import NotFound
from echelon_pipeline.ingest.session import VENUES, Session, Venue
from echelon_pipeline.sqlfiles import statements
from echelon_pipeline.streaming.replay import LINGER, Chain, chains
from echelon_pipeline.streaming.segments import OPEN, Connection, bounds, segments
from echelon_pipeline.warehouse.windows import Recorded

HOUR = timedelta(hours=1)
WINDOWED = "core.book_snapshots"  # the windows of an hour are recorded for this table, for all five
SCOPE = "hour"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Intent:
    """Somebody meant to watch an instrument in [from_at, to_at); None: still."""

    instrument_id: str
    from_at: datetime
    to_at: datetime | None


@dataclass(frozen=True)
class Hour:
    """One hour of one venue: the chains that speak of it, what was meant to be watched, and a digest of both.

    ``is_over``: its end has passed and every segment of it is closed.
    """

    venue: Venue
    starts_at: datetime
    chains: tuple[Chain, ...]
    intents: tuple[tuple[str, int, int], ...]
    is_over: bool

    @property
    def ends_at(self) -> datetime:
        """The first instant after it."""
        return self.starts_at + HOUR

    @property
    def digest(self) -> str:
        """What its rows are a function of. A segment that begins after it only says that the recording went on."""
        until = micros(self.ends_at)
        told: list[object] = [__version__, _statements(), self.intents]
        for chain in self.chains:
            for about, paths in chain:
                told.append(about.connection_id)
                told += [(p.stem, p.stat().st_size if _begins(p) < until else None) for p in paths]
        return "hour-" + hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def hour_of(session: Session, venue: Venue, starts_at: datetime, intents: Sequence[Intent], now: datetime) -> Hour:
    """One hour as it is on disk now. Raises NotFound where its recordings may be deleted, CorruptStore."""
    if is_expired(session, starts_at, now):
        raise NotFound(f"recordings of {starts_at} are past their retention: what is in the tables stays")
    return _hour(_recordings(session.settings.capture_root, venue), venue, starts_at, intents, now)


def hours_due(session: Session, venue: Venue, intents: Sequence[Intent], now: datetime) -> list[Hour]:
    """Hours that were recorded, or meant to be, and whose tables are not of what is there now; oldest first."""
    recordings = _recordings(session.settings.capture_root, venue)
    begins = [r.starts_at for r in recordings] + [i.from_at for i in intents]
    ends = [r.ends_at for r in recordings] + [i.to_at or now for i in intents]
    if not begins:
        return []
    done = _done(session, venue)
    found, starts_at = [], min(begins).replace(minute=0, second=0, microsecond=0)
    while starts_at <= min(max(ends), now):
        before = done.get(starts_at)
        if before is not None and is_expired(session, starts_at, now):
            starts_at += HOUR
            continue
        # A complete hour is looked at again only where something came to its segments since.
        if before is None or before.state != "complete" or _touched(recordings, starts_at, before.recorded_at):
            hour = _hour(recordings, venue, starts_at, intents, now)
            if (hour.chains or hour.intents) and (before is None or before.unit_id != hour.digest):
                found.append(hour)
        starts_at += HOUR
    return found


def is_expired(session: Session, starts_at: datetime, now: datetime) -> bool:
    """An hour whose recordings may be deleted: derived from what is left, it would lose rows."""
    days = session.settings.capture_retention_days
    return days is not None and starts_at + HOUR < now - timedelta(days=days)


def expire_recordings(session: Session, now: datetime) -> int:
    """Deletes recordings that ended before the retention and all of whose hours are in their tables; bytes deleted."""
    deleted = 0
    for venue in VENUES if session.settings.capture_retention_days is not None else ():
        done = _done(session, venue)
        for recording in _recordings(session.settings.capture_root, venue):
            if is_expired(session, recording.ends_at, now) and _is_derived(recording, done):
                for _, paths in recording.chain:
                    folder = paths[0].parent
                    deleted += sum(p.stat().st_size for p in folder.iterdir())
                    shutil.rmtree(folder)
    return deleted


def _done(session: Session, venue: Venue) -> dict[datetime, Recorded]:
    """The last window of each hour."""
    return {w.from_at: w for w in session.windows.recorded(venue, WINDOWED, SCOPE)}


def _is_derived(recording: _Recording, done: Mapping[datetime, Recorded]) -> bool:
    starts_at = recording.starts_at.replace(minute=0, second=0, microsecond=0)
    while starts_at < recording.ends_at:
        window = done.get(starts_at)
        if window is None or window.state != "complete" or window.recorded_at <= recording.touched_at:
            return False
        starts_at += HOUR
    return True


@dataclass(frozen=True)
class _Recording:
    """A chain and when it was recorded; ``touched_at``: the last write."""

    chain: Chain
    starts_at: datetime
    ends_at: datetime
    touched_at: datetime


def _recordings(root: Path, venue: Venue) -> list[_Recording]:
    """Chains of a venue in the order of their beginning."""
    found = []
    for chain in chains(p for p in segments(root) if p.parent.parent.name == venue):
        paths = [p for _, group in chain for p in group]
        times = [b for b in map(bounds, {paths[0]: 0, paths[-1]: 0}) if b is not None]
        if not times:
            continue  # no block of frames is whole yet
        # The time of the inode's change: a segment that was copied here may be old by its own.
        touched = max(p.stat().st_ctime for p in paths)
        begin, end = min(t.first_at for t in times), max(t.last_at for t in times) + LINGER
        found.append(_Recording(chain, _time(begin), _time(end), datetime.fromtimestamp(touched, UTC)))
    return sorted(found, key=lambda r: r.starts_at)


def _touched(recordings: Iterable[_Recording], starts_at: datetime, since: datetime) -> bool:
    return any(r.touched_at >= since for r in _overlapping(recordings, starts_at))


def _overlapping(recordings: Iterable[_Recording], starts_at: datetime) -> list[_Recording]:
    return [r for r in recordings if r.starts_at < starts_at + HOUR and r.ends_at > starts_at]


def _hour(
    recordings: Sequence[_Recording], venue: Venue, starts_at: datetime, intents: Sequence[Intent], now: datetime
) -> Hour:
    ends_at = starts_at + HOUR
    found = tuple(_until(r.chain, micros(ends_at)) for r in _overlapping(recordings, starts_at))
    still_open = any(p.suffix == OPEN for chain in found for _, paths in chain for p in paths)
    meant = _joined((i.instrument_id, max(i.from_at, starts_at), min(i.to_at or now, now, ends_at)) for i in intents)
    return Hour(venue, starts_at, found, meant, is_over=ends_at <= now and not still_open)


def _until(chain: Chain, until: int) -> Chain:
    """The segments that begin before an instant, and the one after them: it says that the recording went on."""
    kept: list[tuple[Connection, list[Path]]] = []
    for about, paths in chain:
        for path in paths:
            if not kept or kept[-1][0] is not about:
                kept.append((about, []))
            kept[-1][1].append(path)
            if _begins(path) >= until:
                return kept
    return kept


def _begins(path: Path) -> int:
    found = bounds(path)
    return 0 if found is None else found.first_at


def _joined(stretches: Iterable[tuple[str, datetime, datetime]]) -> tuple[tuple[str, int, int], ...]:
    """Stretches of several listeners as one per instrument and time, in microseconds."""
    found: list[tuple[str, int, int]] = []
    for name, begin, end in sorted((n, micros(b), micros(e)) for n, b, e in stretches if b < e):
        if found and found[-1][0] == name and begin <= found[-1][2]:
            found[-1] = (name, found[-1][1], max(found[-1][2], end))
        else:
            found.append((name, begin, end))
    return tuple(found)


@cache
def _statements() -> str:
    """Other statements make other rows of the same segments."""
    return "".join(s.version for s in statements("books"))


def micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
