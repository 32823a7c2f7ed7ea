"""Imports other recorders' files into segments of this home: frames as received, books as the frames that carry them.

Belongs here: ``echelon import --table frames`` and ``--table books``. ``venues/recorders.py`` reads formats of frames,
``recorded_books.py`` formats of books, ``recorded_ladders.py`` finds their instruments. The segments are recordings
like this home's own: ``derive``, ``replay`` and ``book`` read them. Their connections are named
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
from echelon_pipeline.ingest.recorded_books import books_of
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

RECORDED = frozenset({"frames", "books"})  # tables that are imported as recordings
BLOCK = 10_000  # frames per write
SEGMENT = 200_000  # frames per segment
# A subscription to one market that was cut out of a subscription to many lacks nearly every number.
HOLES_OF_A_CUT = 0.1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000


class Arrival(NamedTuple):
    """A frame: time of receipt, number of its connection, the ladders that it names, its ``place`` in the file."""

    at: int
    connection: int
    payload: bytes
    ladders: tuple[str, ...]
    place: int


class LostRecord(NamedTuple):
    """A record that is not a frame of a known instrument. ``place``: its position in the file."""

    place: int
    reason: str
    record: object


class FileContent(NamedTuple):
    """The content of a file. ``numbered``: the sequence numbers of its subscriptions can be trusted."""

    arrivals: list[Arrival]
    lost: list[LostRecord]
    markets: Markets
    numbered: bool


class ImportedRecording(NamedTuple):
    """The result of an import. ``is_new``: its segments were not stored before."""

    frames: int
    is_new: bool
    instruments: int
    connections: int
    lost: list[LostRecord]
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
) -> ImportedRecording:
    """Writes a recording into the segments of this home. Importing the same file again changes nothing,
    unless more is known of its markets: then the new segments replace the old ones.

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
        kept, unmapped = _split_known(found, known)
        lost = [*unmapped, *found.lost]
        instruments = sorted({i.instrument_id: i for i in known.values()}.items())
        writer = _Writer(session.settings, unit.scratch, path, venue, source, [i for _, i in instruments])
        is_new = writer.write(kept, numbered=found.numbered, by_day=table == "books") if kept else False
        _store_dead_letters(unit, venue, f"{IMPORTED}{source}:{path.name}", lost)
    notes = [f"{len(kept):,} frames of {len(known):,} ladders, {_span(kept)}"] if kept else []
    if kept and table == "frames" and not found.numbered:
        notes.append("sequence numbers are not used: they have holes, as in one market cut out of many")
    if is_new:
        notes.append("derive its tables with: echelon derive")
    return ImportedRecording(len(kept), is_new, len(instruments), len({a.connection for a in kept}), lost, tuple(notes))


# --- reading


def _frames(path: Path, venue: Venue, mapping: Mapping[str, str] | None, _zone: str) -> FileContent:
    if mapping:
        raise BadImport(f"{path}: frames accept no mapping; books do (--table books)")
    stream, arrivals, lost = venue_of(venue).stream, list[Arrival](), list[LostRecord]()
    read, connection = stream.reader(), 0
    for place, found in enumerate(frames_of(path)):
        connection += found.is_new and bool(arrivals)
        if isinstance(found.frame, str):
            lost.append(LostRecord(place, found.frame, found.record))
            continue
        if isinstance(found.frame, dict) and not stream.is_frame(found.frame):
            raise BadImport(f"{path}: record {place} is not a frame of {venue}")
        payload = msgspec.json.encode(found.frame)
        events = read(payload).events
        names = dict.fromkeys(t for event in events if (t := getattr(event, "token", None)))
        arrivals.append(Arrival(found.at, connection, payload, tuple(names), place))
    return FileContent(arrivals, lost, Markets(venue), _is_trusted(venue, arrivals))


def _is_trusted(venue: Venue, arrivals: Iterable[Arrival]) -> bool:
    """Whether sequence numbers, where frames have them, are mostly consecutive per (connection, subscription)."""
    if not venue_of(venue).facts.has_numbered_frames:
        return True
    read, numbers = venue_of(venue).stream.reader(), dict[tuple[int, int], list[int]]()
    for arrival in arrivals:
        message = read(arrival.payload)
        if message.sid is not None and message.seq is not None:
            numbers.setdefault((arrival.connection, message.sid), []).append(message.seq)
    pairs = [other - one for some in numbers.values() for one, other in pairwise(some)]
    return sum(step != 1 for step in pairs) <= HOLES_OF_A_CUT * len(pairs)


def _books(path: Path, venue: Venue, mapping: Mapping[str, str] | None, zone: str) -> FileContent:
    try:
        found = books_of(path, venue, mapping, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        raise BadImport(f"{path}: {zone!r} is not a time zone") from None
    markets, sids, known = Markets(venue), dict[str, int](), venue_of(venue)
    arrivals: list[Arrival] = []
    lost: list[LostRecord] = []
    for place, book in enumerate(found):
        body = book.body
        if book.fault is None and known.facts.has_tokens:
            body = body | _facts(markets, venue, book.name, book.market, book.facts)
        if book.fault is None and known.facts.has_numbered_frames:
            # A subscription per book: an answer verifies only its own book.
            body = body | {"sid": sids.setdefault(book.name, len(sids) + 1)}
        payload = msgspec.json.encode(body)
        events = known.stream.reader()(payload).events if book.fault is None else ()
        fault = book.fault or next((e.reason for e in events if hasattr(e, "reason")), None)
        if fault is not None:
            lost.append(LostRecord(place, fault, book.record))
        else:
            arrivals.append(Arrival(book.at, book.at // DAY, payload, (book.name,), place))
    return FileContent(arrivals, lost, markets, numbered=False)


def _facts(
    markets: Markets, venue: Venue, name: str, market: str | None, facts: Mapping[str, object]
) -> dict[str, object]:
    """The facts of a book's market as frame fields. Records the token's outcome where the book gives it."""
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


def _split_known(found: FileContent, known: Mapping[str, Instrument]) -> tuple[list[Arrival], list[LostRecord]]:
    """Splits frames: those that name a known ladder or none, and the others as lost."""
    kept: list[Arrival] = []
    unmapped: list[LostRecord] = []
    for arrival in found.arrivals:
        if not arrival.ladders or any(name in known for name in arrival.ladders):
            kept.append(arrival)
        else:
            reason = FIRST_MISSING if found.markets.of(arrival.ladders[0]) else UNKNOWN_TOKEN
            unmapped.append(LostRecord(arrival.place, reason, msgspec.Raw(arrival.payload)))
    return (kept, unmapped) if any(a.ladders for a in kept) else ([], unmapped)


def _span(arrivals: Sequence[Arrival]) -> str:
    times = [a.at for a in arrivals]
    first, last = (_EPOCH + timedelta(microseconds=at) for at in (min(times), max(times)))
    return f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"


# --- writing


class _Writer:
    """Writes the segments of one file, all or none."""

    def __init__(
        self, settings: Settings, scratch: Path, path: Path, venue: Venue, source: str, instruments: list[Instrument]
    ) -> None:
        self._root, self._scratch = settings.capture_root, scratch / "captures"
        self._path, self._venue, self._source, self._instruments = path, venue, source, instruments
        self._slug = re.sub(r"[^A-Za-z0-9]+", "-", source).strip("-")[:40] or "file"

    def write(self, arrivals: Sequence[Arrival], *, numbered: bool, by_day: bool) -> bool:
        """Writes the segments; False where they are stored already."""
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
        """Moves the segments to the recordings, in place of those that the file gave ``before``."""
        replaced = list(before)
        folder.mkdir(parents=True, exist_ok=True)
        for made in sorted((self._scratch / self._venue).iterdir()):
            shutil.move(made, folder / made.name)
        fsync_folder(folder)
        for one in replaced:
            shutil.rmtree(one)


def _store_dead_letters(unit: Unit, venue: Venue, endpoint: str, lost: Sequence[LostRecord]) -> None:
    """Stores lost records as dead letters; importing the same file again adds none."""
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


def reasons_of(lost: Iterable[LostRecord]) -> dict[str, int]:
    """Counts by reason, in order of first occurrence."""
    return dict(Counter(one.reason for one in lost))
