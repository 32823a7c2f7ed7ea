"""What was recorded of a venue, hour by hour: which segments speak of an hour, and whether its tables are of them.

Belongs here: segments on disk and what was meant to be watched. Making rows of them is ``book_tables.py``'s.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path

from echelon_pipeline import __version__
from echelon_pipeline.errors import NotFound
from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.lake.windows import RecordedWindow as Window
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.sqltools.statements import statements
from echelon_pipeline.state.pauses import is_backup_running
from echelon_pipeline.streams.chains import LINGER, Chain, chains
from echelon_pipeline.streams.hours import HOUR, Intent, IntentsWithin, Stretches, by_hour, intended, micros, time_of
from echelon_pipeline.streams.segments import OPEN, Connection, bounds, count_of, first_at, segments
from echelon_pipeline.venues.registry import venue_names

log = logging.getLogger(__name__)
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)  # no recording of our own is older than this software
IMPORTED = "import:"  # what the listener of a recording of others begins with
WINDOWED = "core.book_snapshots"  # the windows of an hour are recorded for this table, for all seven
SCOPE = "hour"
EDITED = timedelta(days=7)  # how late an intent may still be edited: a killed recording's ends with the next one
TICK = timedelta(seconds=1)  # file systems' clocks are some milliseconds behind ours


@dataclass(frozen=True)
class Hour:
    """One hour of one venue: the chains that speak of it, what was meant to be watched, and a digest of both.

    ``is_over``: its end has passed and every segment of it is closed. ``looked_at``: before the look at the disk, by
    the machine's clock.
    """

    venue: Venue
    starts_at: datetime
    chains: tuple[Chain, ...]
    intents: Stretches
    is_over: bool
    looked_at: datetime

    @property
    def ends_at(self) -> datetime:
        """The first instant after it."""
        return self.starts_at + HOUR

    @property
    def digest(self) -> str:
        """What its rows are a function of: of segments, then of intents. A segment that begins after the hour only
        says that the recording went on."""
        until = micros(self.ends_at)
        parts = [*_common()]
        for chain in self.chains:
            for about, paths in chain:
                parts.append(about.connection_id)
                parts += [(p.stem, p.stat().st_size if _begins(p) < until else None) for p in paths]
        return f"hour-{_hash(parts)}-{_hash(self.intents)}"


def hour_of(session: Session, venue: Venue, starts_at: datetime, intents: Sequence[Intent], now: datetime) -> Hour:
    """One hour as it is on disk now. Raises NotFound where its recordings may be deleted, CorruptStore."""
    if is_expired(session, starts_at, now):
        raise NotFound(f"recordings of {starts_at} are past their retention: what is in the tables stays")
    looked_at = datetime.now(UTC)
    found = _hour(_recordings(session.settings.capture_root, venue), venue, starts_at, intents, now)
    return replace(found, looked_at=looked_at)


def hours_due(session: Session, venue: Venue, intents: IntentsWithin, now: datetime) -> list[Hour]:
    """Hours that were recorded, or intended to be, and whose tables are not of what is there now, or do not say yet
    that they are over; oldest first.

    Intents are read for the last days only, and since the last hour that was derived: each lasts for months of hours,
    and none of an older hour is edited. An older hour whose segments changed reads its own.
    """
    done, looked_at = _done(session, venue), datetime.now(UTC)
    since = min(now - EDITED, max(done, default=BEGINNING))
    recorded = by_hour((r.starts_at, r.ends_at, r) for r in _recordings(session.settings.capture_root, venue))
    wanted = by_hour((max(i.from_at, since), i.to_at or now, i) for i in intents(since, now + HOUR))
    found = []
    for starts_at in sorted(h for h in {*done, *recorded, *wanted} if h <= now):
        before, chains = done.get(starts_at), recorded.get(starts_at, [])
        some: Sequence[Intent] = wanted.get(starts_at, [])
        if before is not None and _is_as_it_was(before, chains):
            if starts_at < since or not _may_differ(before, chains, intended(some, starts_at, now)):
                continue
        elif starts_at < since:
            some = intents(starts_at, starts_at + HOUR)
        if before is None or not is_expired(session, starts_at, now):
            hour = _hour(chains, venue, starts_at, some, now)
            if before is None or before.unit_id != hour.digest or (hour.is_over and before.state == "partial"):
                found.append(replace(hour, looked_at=looked_at))
    return found


def hours_known(
    session: Session, venue: Venue, span: Span, intents: Sequence[Intent], now: datetime
) -> list[tuple[Hour, Window | None]]:
    """Hours of a span that were recorded or derived, as they are on disk now, each with its last window; oldest first.
    Those past their retention are left out."""
    done = _done(session, venue)
    recorded = by_hour((r.starts_at, r.ends_at, r) for r in _recordings(session.settings.capture_root, venue))
    wanted = by_hour((i.from_at, i.to_at or now, i) for i in intents)
    return [
        (_hour(recorded.get(starts_at, []), venue, starts_at, wanted.get(starts_at, []), now), done.get(starts_at))
        for starts_at in sorted({*done, *recorded})
        if span[0] <= starts_at < span[1] and starts_at <= now and not is_expired(session, starts_at, now)
    ]


def has_lost_segments(hour: Hour, window: Window) -> bool:
    """Whether an hour was derived from segments and has none any more, or lacks one before the last of a connection."""
    if hour.chains:
        return any(_has_hole(paths) for chain in hour.chains for _, paths in chain)
    return window.state == "unavailable" or _of_segments(window.unit_id) != _of_segments(hour.digest)


def _has_hole(paths: Sequence[Path]) -> bool:
    """Segments are named after the number of their first frame."""
    following = 0
    for path in paths:
        if int(path.stem) != following:
            return True
        following += count_of(path)
    return False


def _is_as_it_was(before: Window, chains: Sequence[_Recording]) -> bool:
    """A complete hour to whose segments nothing came since: it is not worth looking at them all."""
    return before.state == "complete" and all(c.touched_at + TICK < before.recorded_at for c in chains)


def _may_differ(before: Window, chains: Sequence[_Recording], intents: Stretches) -> bool:
    """Whether an intent was changed afterwards, as those of a recording that was killed are."""
    if before.unit_id.endswith(_hash(intents)):
        return False
    # What an hour said of segments that are gone, cannot be said again.
    return bool(chains) or _of_segments(before.unit_id) == _hash(_common())


def is_expired(session: Session, starts_at: datetime, now: datetime) -> bool:
    """An hour whose recordings may be deleted: derived from what is left, it would lose rows."""
    days = session.settings.capture_retention_days
    return days is not None and starts_at + HOUR < now - timedelta(days=days)


def expire_recordings(session: Session, now: datetime) -> int:
    """Deletes recordings that ended before the retention and all of whose hours are in their tables; bytes deleted.
    Deletes nothing while a backup runs."""
    deleted = 0
    if session.settings.capture_retention_days is None or is_backup_running(session.settings):
        return deleted
    for venue in venue_names():
        done, recordings = _done(session, venue), _recordings(session.settings.capture_root, venue)
        past = [r for r in recordings if is_expired(session, r.ends_at, now)]
        for recording in [r for r in past if _is_derived(r, recordings, venue, done)]:
            for _, paths in recording.chain:
                folder = paths[0].parent
                deleted += sum(p.stat().st_size for p in folder.iterdir())
                shutil.rmtree(folder)
    return deleted


def _done(session: Session, venue: Venue) -> dict[datetime, Window]:
    """The last window of each hour."""
    return {w.from_at: w for w in session.windows.recorded(venue, WINDOWED, SCOPE)}


def _is_derived(
    recording: _Recording, recordings: Sequence[_Recording], venue: Venue, done: Mapping[datetime, Window]
) -> bool:
    """Whether all hours of a recording are complete, and of what is there now."""
    hours = by_hour([(recording.starts_at, recording.ends_at, recording)])
    for starts_at in hours:
        window = done.get(starts_at)
        if window is None or window.state != "complete":
            return False
        if recording.touched_at + TICK >= window.recorded_at:
            hour = _hour(recordings, venue, starts_at, (), window.to_at)
            if _of_segments(hour.digest) != _of_segments(window.unit_id):
                return False
    return bool(hours)  # one that is of no hour is in no table


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
    paths_of_venue = (p for p in segments(root) if p.parent.parent.name == venue)
    # The hours of such a file are unknown: the other files are derived.
    for chain in chains(paths_of_venue, no_segments=lambda e: log.error("in no table: %s", e)):
        paths = [p for _, group in chain for p in group]
        # The first and the last that can be read: what is damaged between them fails where its hour is derived.
        ends = [next(filter(None, map(bounds, some)), None) for some in (paths, reversed(paths))]
        times = [b for b in ends if b is not None]
        if not times:
            continue  # no block of frames is whole yet
        # The time of the inode's change: a segment that was copied here may be old by its own.
        touched = max(p.stat().st_ctime for p in paths)
        begin, end = time_of(min(t.first_at for t in times)), time_of(max(t.last_at for t in times) + LINGER)
        if begin < BEGINNING and not chain[0][0].listener.startswith(IMPORTED):
            log.error("%s: our clock was wrong: what has times before %s is in no table", paths[0].parent, BEGINNING)
            begin = BEGINNING
        found.append(_Recording(chain, begin, end, datetime.fromtimestamp(touched, UTC)))
    return sorted(found, key=lambda r: r.starts_at)


def _overlapping(recordings: Iterable[_Recording], starts_at: datetime) -> list[_Recording]:
    return [r for r in recordings if r.starts_at < starts_at + HOUR and r.ends_at > starts_at]


def _hour(
    recordings: Sequence[_Recording], venue: Venue, starts_at: datetime, intents: Sequence[Intent], now: datetime
) -> Hour:
    ends_at = starts_at + HOUR
    found = tuple(_until(r.chain, micros(ends_at)) for r in _overlapping(recordings, starts_at))
    still_open = any(p.suffix == OPEN for chain in found for _, paths in chain for p in paths)
    is_over = ends_at <= now and not still_open
    return Hour(venue, starts_at, found, intended(intents, starts_at, now), is_over, looked_at=datetime.now(UTC))


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
    return _first_at(path, path.stat().st_size)


@lru_cache(maxsize=2**16)  # five minutes each: seven months of a feed
def _first_at(path: Path, _size: int) -> int:
    """What is behind the first frame is only added to."""
    return first_at(path) or 0


def _hash(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:32]


def _of_segments(digest: str) -> str:
    return digest.split("-")[1]


@cache
def _common() -> list[object]:
    """Other statements make other rows of the same segments."""
    return [__version__, "".join(s.version for s in statements("books"))]
