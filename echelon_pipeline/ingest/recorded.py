"""Recordings of others to segments of this home: frames as they arrived, books as the frames that they would have been.

Belongs here: what ``echelon import --table frames`` and ``--table books`` do. Formats of frames are
``venues/recorders.py``'s, of books ``recorded_books.py``'s, whose books they are ``recorded_ladders.py``'s. From then
on they are recordings like this home's own: ``derive``, ``replay`` and ``book`` read them, their connections are named
``…-import-<source>-…``.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import pyarrow as pa

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.recorded_books import wholes
from echelon_pipeline.ingest.recorded_ladders import FIRST_MISSING, UNKNOWN_TOKEN, Markets, instruments_of
from echelon_pipeline.lake.session import Session, Unit, Venue
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import typed
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.recordings import IMPORTED
from echelon_pipeline.streams.segments import Connection, fsync_folder
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.frames import READER_VERSION
from echelon_pipeline.venues.recorders import frames_of
from echelon_pipeline.venues.registry import venue_of

RECORDED = frozenset({"frames", "books"})  # what is imported as recordings
BLOCK = 10_000  # frames that are written at once
SEGMENT = 200_000  # frames of a segment
# Of a subscription to one market that was cut out of one to many, nearly every number is missing.
HOLES_OF_A_CUT = 0.1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000


class Arrival(NamedTuple):
    """A frame: when it was received, which connection it came on, the ladders that it is about, its ``place`` in the
    file."""

    at: int
    connection: int
    payload: bytes
    ladders: tuple[str, ...]
    place: int


class Lost(NamedTuple):
    """A record that is no frame. ``place``: which one of the file."""

    place: int
    reason: str
    record: object


class Recording(NamedTuple):
    """What a file holds. ``numbered``: the numbers of subscriptions can be trusted."""

    arrivals: list[Arrival]
    lost: list[Lost]
    markets: Markets
    numbered: bool


class Stored(NamedTuple):
    """What an import left. ``is_new``: it was not there already."""

    frames: int
    is_new: bool
    instruments: int
    connections: int
    lost: list[Lost]
    notes: tuple[str, ...]


def import_recorded(
    session: Session,
    path: Path,
    *,
    table: str,
    venue: Venue,
    mapping: Mapping[str, str] | None,
    source: str,
    naive_tz: str,
    markets: Path | None,
) -> Stored:
    """Writes a recording into the segments of this home. The same file again changes nothing, unless more is known of
    its markets by then: then it takes the place of what it was.

    Raises BadImport, naming the file, DiskFull.
    """
    read = _frames if table == "frames" else _books
    found = read(path, venue, mapping, naive_tz)
    if markets is not None:
        found.markets.from_file(markets)
    ladders = [name for arrival in found.arrivals for name in arrival.ladders]
    with session.unit() as unit:
        with session.duck() as connection:
            found.markets.from_lake(session, connection, ladders)
        known = instruments_of(found.markets, ladders)
        kept, strangers = _of_known(found, known)
        lost = [*strangers, *found.lost]
        instruments = sorted({i.instrument_id: i for i in known.values()}.items())
        writer = _Writer(session.settings, unit.scratch, path, venue, source, [i for _, i in instruments])
        is_new = writer.write(kept, numbered=found.numbered, by_day=table == "books") if kept else False
        _bury(unit, venue, f"{IMPORTED}{source}:{path.name}", lost)
    notes = [f"{len(kept):,} frames of {len(known):,} ladders, {_span(kept)}"] if kept else []
    if kept and table == "frames" and not found.numbered:
        notes.append("the numbers of its subscriptions have holes, as those of one market cut out of many: not used")
    if is_new:
        notes.append("bring its tables up with: echelon derive")
    return Stored(len(kept), is_new, len(instruments), len({a.connection for a in kept}), lost, tuple(notes))


# --- reading


def _frames(path: Path, venue: Venue, mapping: Mapping[str, str] | None, _zone: str) -> Recording:
    if mapping:
        raise BadImport(f"{path}: frames are known by their form and take no mapping; books do (--table books)")
    stream, arrivals, lost = venue_of(venue).stream, list[Arrival](), list[Lost]()
    read, connection = stream.reader(), 0
    for place, found in enumerate(frames_of(path)):
        connection += found.is_new and bool(arrivals)
        if isinstance(found.frame, str):
            lost.append(Lost(place, found.frame, found.record))
            continue
        if isinstance(found.frame, dict) and not stream.is_frame(found.frame):
            raise BadImport(f"{path}: record {place} is no frame of {venue}")
        payload = msgspec.json.encode(found.frame)
        events = read(payload).events
        names = dict.fromkeys(t for event in events if (t := getattr(event, "token", None)))
        arrivals.append(Arrival(found.at, connection, payload, tuple(names), place))
    return Recording(arrivals, lost, Markets(venue), _is_trusted(venue, arrivals))


def _is_trusted(venue: Venue, arrivals: Iterable[Arrival]) -> bool:
    """Whether numbers, where frames have them, follow each other within (connection, subscription), but for what was
    lost."""
    if not venue_of(venue).facts.has_numbered_frames:
        return True
    read, numbers = venue_of(venue).stream.reader(), dict[tuple[int, int], list[int]]()
    for arrival in arrivals:
        message = read(arrival.payload)
        if message.sid is not None and message.seq is not None:
            numbers.setdefault((arrival.connection, message.sid), []).append(message.seq)
    pairs = [other - one for some in numbers.values() for one, other in pairwise(some)]
    return sum(step != 1 for step in pairs) <= HOLES_OF_A_CUT * len(pairs)


def _books(path: Path, venue: Venue, mapping: Mapping[str, str] | None, zone: str) -> Recording:
    try:
        found = wholes(path, venue, mapping, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        raise BadImport(f"{path}: {zone!r} is no time zone") from None
    markets, sids, known = Markets(venue), dict[str, int](), venue_of(venue)
    arrivals: list[Arrival] = []
    lost: list[Lost] = []
    for place, whole in enumerate(found):
        body = whole.body
        if whole.fault is None and known.facts.has_tokens:
            body = body | _facts(markets, venue, whole.name, whole.market, whole.facts)
        if whole.fault is None and known.facts.has_numbered_frames:
            body = body | {"sid": sids.setdefault(whole.name, len(sids) + 1)}  # one that answers proves no other book
        payload = msgspec.json.encode(body)
        events = known.stream.reader()(payload).events if whole.fault is None else ()
        fault = whole.fault or next((e.reason for e in events if hasattr(e, "reason")), None)
        if fault is not None:
            lost.append(Lost(place, fault, whole.record))
        else:
            arrivals.append(Arrival(whole.at, whole.at // DAY, payload, (whole.name,), place))
    return Recording(arrivals, lost, markets, numbered=False)


def _facts(
    markets: Markets, venue: Venue, name: str, market: str | None, facts: Mapping[str, object]
) -> dict[str, object]:
    """What a book says of its market, as its frame says it; and to whom it belongs, where it says its outcome."""
    outcome = facts.get("outcome_index")
    if market is not None and outcome is not None and str(outcome).isdigit():
        instrument_id = str(InstrumentId(venue, market.removeprefix(InstrumentId.prefix(venue))))
        markets.add(instrument_id, int(str(outcome)), name).learn(facts)
    fields: dict[str, object] = {} if market is None else {"market": market.removeprefix(InstrumentId.prefix(venue))}
    for ours in ("tick_size", "min_order_size", "last_trade_price"):
        if facts.get(ours) is not None:
            fields[ours] = str(facts[ours])
    risk = facts.get("is_neg_risk")
    if risk not in (None, ""):
        fields["neg_risk"] = str(risk).lower() in ("true", "1", "t", "yes")
    return fields


def _of_known(found: Recording, known: Mapping[str, Instrument]) -> tuple[list[Arrival], list[Lost]]:
    """Frames that are about a known ladder or about none, and the others."""
    kept: list[Arrival] = []
    strangers: list[Lost] = []
    for arrival in found.arrivals:
        if not arrival.ladders or any(name in known for name in arrival.ladders):
            kept.append(arrival)
        else:
            reason = FIRST_MISSING if found.markets.of(arrival.ladders[0]) else UNKNOWN_TOKEN
            strangers.append(Lost(arrival.place, reason, msgspec.Raw(arrival.payload)))
    return (kept, strangers) if any(a.ladders for a in kept) else ([], strangers)


def _span(arrivals: Sequence[Arrival]) -> str:
    times = [a.at for a in arrivals]
    first, last = (_EPOCH + timedelta(microseconds=at) for at in (min(times), max(times)))
    return f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"


# --- writing


class _Writer:
    """Segments of one file, all of them or none."""

    def __init__(
        self, settings: Settings, scratch: Path, path: Path, venue: Venue, source: str, instruments: list[Instrument]
    ) -> None:
        self._root, self._scratch = settings.capture_root, scratch / "captures"
        self._path, self._venue, self._source, self._instruments = path, venue, source, instruments
        self._slug = re.sub(r"[^A-Za-z0-9]+", "-", source).strip("-")[:40] or "file"

    def write(self, arrivals: Sequence[Arrival], *, numbered: bool, by_day: bool) -> bool:
        """False: they are there already."""
        content = hashlib.sha256()
        for arrival in arrivals:
            content.update(b"%d %d %b\n" % (arrival.at, arrival.connection, arrival.payload))
        content.update(b"%d %d" % (numbered, by_day))
        file = hashlib.sha256(f"{self._source}\0{self._path.name}".encode()).hexdigest()[:8]
        known = hashlib.sha256(msgspec.json.encode(self._instruments)).digest()
        suffix = f"-import-{self._slug}-{file}-{hashlib.sha256(content.digest() + known).hexdigest()[:8]}-"
        folder = self._root / self._venue
        if any(suffix in one.name for one in folder.glob(f"*-import-{self._slug}-{file}-*")):
            return False
        listener = f"{IMPORTED}{self._source}:{file}"
        for number, (connection, some) in enumerate(groupby(arrivals, lambda a: a.connection)):
            self._connection(list(some), suffix, number, listener, connection if by_day else 0, numbered)
        self._publish(folder, folder.glob(f"*-import-{self._slug}-{file}-*"))
        return True

    def _connection(
        self, arrivals: list[Arrival], suffix: str, number: int, listener: str, epoch: int, numbered: bool
    ) -> None:
        first = _EPOCH + timedelta(microseconds=arrivals[0].at)
        name = f"{first:%Y%m%dT%H%M%S%f}{suffix}{number:05d}"
        url = f"{IMPORTED}{self._path.name}"
        about = Connection(self._venue, listener, epoch, 0, name, url, quotes=True, numbered=numbered)
        log = Log(self._scratch, about, self._instruments)
        for count, arrival in enumerate(arrivals, start=1):
            log.add(arrival.at, arrival.payload)
            if count % BLOCK == 0:
                log.flush()
            if count % SEGMENT == 0:
                log.rotate()
        log.flush()
        log.rotate()

    def _publish(self, folder: Path, before: Iterator[Path]) -> None:
        """Puts what was written where recordings are, in the place of what the file said ``before``."""
        replaced = list(before)
        folder.mkdir(parents=True, exist_ok=True)
        for made in sorted((self._scratch / self._venue).iterdir()):
            shutil.move(made, folder / made.name)
        fsync_folder(folder)
        for one in replaced:
            shutil.rmtree(one)


def _bury(unit: Unit, venue: Venue, endpoint: str, lost: Sequence[Lost]) -> None:
    """Keeps what is no frame as dead letters; the same file again adds none."""
    if not lost:
        return
    rows = [(f"$[{one.place}]", one.reason, msgspec.json.encode(one.record).decode()) for one in lost]
    columns = dict(zip(("path", "reason", "payload"), map(list, zip(*rows, strict=True)), strict=True))
    session = unit.session
    given = {
        "venue": venue,
        "endpoint": endpoint,
        "parser_version": READER_VERSION,
        "unit": unit.unit_id,
        "observed_at": session.clock(),
    }
    with session.duck() as connection:
        connection.register("lost", pa.table(columns))
        connection.execute(f"CREATE TEMP TABLE dead_frames AS {statement('import/recorded_dead').text}", given)
        made = f"({typed(TABLES['core.dead_letters'], 'FROM dead_frames', connection)})"
        session.lake.merge(
            "core.dead_letters", [session.lake.stage(connection, "core.dead_letters", made, unit=unit.unit_id)]
        )


def reasons_of(lost: Iterable[Lost]) -> dict[str, int]:
    """How often each, in the order in which they are met."""
    return dict(Counter(one.reason for one in lost))
