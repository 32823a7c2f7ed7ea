"""A universe from recorded payloads: every object in a folder, by kind.

Belongs here: reading files, recognising objects by their keys, keeping their bytes. Nothing is generated. If an object
was recorded several times, the latest version is used.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from echelon_pipeline.errors import BadSettings

Fields = Mapping[str, msgspec.Raw]
_SOURCES = (
    "kalshi/rest",
    "kalshi/mve",
    "kalshi/ws",
    "polymarket/gamma",
    "polymarket/clob_book",
    "polymarket/data_api",
    "polymarket/prices_history",
    "polymarket/trades",
)
# Kind of an object by its required keys, most specific first. The first key is its name.
SHAPES: tuple[tuple[str, str, frozenset[str]], ...] = tuple(
    (kind, keys.split()[0], frozenset(keys.split()))
    for kind, keys in (
        ("kalshi market", "ticker event_ticker market_type status yes_sub_title"),
        ("kalshi trade", "trade_id ticker created_time"),
        ("kalshi collection", "collection_ticker associated_events series_ticker"),
        ("kalshi event", "event_ticker series_ticker title mutually_exclusive"),
        ("kalshi series", "ticker frequency settlement_sources fee_type"),
        ("gamma market", "id conditionId question slug"),
        ("gamma event", "id slug title creationDate"),
        ("gamma series", "id ticker slug recurrence"),
        ("gamma tag", "id label slug"),
        ("clob market", "condition_id question_id tokens"),
        ("clob compact", "c t mts mos"),
        ("clob book", "asset_id market bids asks"),
        ("data trade", "transactionHash proxyWallet asset side conditionId price"),
    )
)
# Answers that are served as a whole, by the key that only they have.
WHOLE = {
    "schedule": "/exchange/schedule",
    "exchange_active": "/exchange/status",
    "tags_by_categories": "/search/tags_by_categories",
    "filters_by_sports": "/search/filters_by_sport",
    "series_fee_change_arr": "/series/fee_changes",
}
_VERSION = ("updated_time", "updatedAt", "last_updated_ts", "timestamp")
_STAMPS = ("recorded_at", "captured_at", "fetched_at_utc", "updated_time", "updatedAt", "created_time")
_STAMPS_MS = ("fetched_at_ms", "captured_ms")


@dataclass(frozen=True, slots=True)
class RecordedObject:
    """One object: its recorded bytes and its members."""

    raw: msgspec.Raw
    fields: Fields

    def get(self, name: str) -> Any:
        """A decoded member; None if it is missing."""
        value = self.fields.get(name)
        return None if value is None else msgspec.json.decode(value)

    def without(self, *names: str, **more: object) -> dict[str, object]:
        """The members without ``names`` and with ``more``; the others stay as recorded."""
        return {k: v for k, v in self.fields.items() if k not in names} | more


@dataclass
class RecordedUniverse:
    """``objects``: by kind and name, in the order of reading. ``books`` and ``candles``: by Kalshi ticker;
    ``histories``: points by token; ``answers``: whole answers by path; ``newest``: latest time in any file. ``taken``:
    number of objects, lists and answers recognised, versions of one object included; ``unread``: files of an unknown
    kind; ``empty``: files without a known object."""

    objects: dict[str, dict[str, RecordedObject]] = field(default_factory=lambda: {kind: {} for kind, _, _ in SHAPES})
    books: dict[str, msgspec.Raw] = field(default_factory=dict)
    candles: dict[str, dict[int, msgspec.Raw]] = field(default_factory=dict)
    histories: dict[str, dict[int, msgspec.Raw]] = field(default_factory=dict)
    answers: dict[str, msgspec.Raw] = field(default_factory=dict)
    newest: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    files: int = 0
    taken: int = 0
    unread: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        """Start of the clock: the next full hour after the newest payload."""
        return self.newest.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    @property
    def ends_at(self) -> datetime:
        """End of the clock: a year after the start; recorded objects do not change."""
        return self.start + timedelta(days=365)


def load(folder: Path) -> RecordedUniverse:
    """Reads a folder of payloads. Raises BadSettings if it has none."""
    universe = RecordedUniverse()
    paths = sorted(p for source in _SOURCES for p in (folder / source).glob("**/*.json*"))
    paths += sorted(folder.glob("polymarket/**/*.ndjson.gz"))
    for path in paths:
        before = universe.taken
        _read(universe, path)
        if universe.taken == before:
            universe.empty.append(path.relative_to(folder).as_posix())
    if not any(universe.objects.values()):
        raise BadSettings(f"{folder} has no payloads of a known kind")
    all_files = {p for p in folder.rglob("*") if p.is_file()}
    universe.unread = sorted(p.relative_to(folder).as_posix() for p in all_files - set(paths))
    return universe


def _read(universe: RecordedUniverse, path: Path) -> None:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = data.splitlines() if "jsonl" in path.name or "ndjson" in path.name else [data]
    universe.files += 1
    for line in lines:
        if line.strip():
            _visit(universe, msgspec.Raw(line.strip()), {})


def _members(raw: msgspec.Raw) -> Fields | list[msgspec.Raw] | None:
    """Members of a JSON object or list; None for anything else."""
    first = bytes(memoryview(raw)[:1])
    if first == b"{":
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    if first == b"[":
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    return None


def _visit(universe: RecordedUniverse, raw: msgspec.Raw, around: Mapping[str, str]) -> None:
    """Reads an object and the objects in it. ``around``: the ticker of the enclosing object."""
    members = _members(raw)
    if isinstance(members, list):
        for item in members:
            _visit(universe, item, around)
    elif members is not None:
        _note_time(universe, members)
        around = _with_ticker(members, around)
        _take(universe, raw, members, around)
        for name, value in members.items():
            if name not in ("candlesticks", "history", "bids", "asks"):
                _visit(universe, value, {**around, "key": name})


def _with_ticker(members: Fields, around: Mapping[str, str]) -> Mapping[str, str]:
    """The ticker of nested answers without a name: a member beside them, or in the recorder's metadata."""
    meta = members.get("_metadata")
    if meta is not None:
        members = msgspec.json.decode(meta, type=dict[str, msgspec.Raw])
    ticker = members.get("ticker") or members.get("market_ticker")
    return {**around, "ticker": str(msgspec.json.decode(ticker))} if ticker is not None else around


def _take(universe: RecordedUniverse, raw: msgspec.Raw, members: Fields, around: Mapping[str, str]) -> None:
    names = members.keys()
    for kind, key, needed in SHAPES:
        if needed <= names and not (kind == "data trade" and "type" in names):  # rows with a type are activity
            # v1 trades have no id, and one transaction can hold several: their bytes name them.
            name = bytes(raw).decode() if kind == "data trade" else str(msgspec.json.decode(members[key]))
            _keep(universe.objects[kind], name, RecordedObject(raw, members))
            universe.taken += 1
            break
    _take_lists(universe, members, around)
    for name, path in WHOLE.items():
        if name in names:
            universe.answers[path] = raw
            universe.taken += 1


def _take_lists(universe: RecordedUniverse, members: Fields, around: Mapping[str, str]) -> None:
    """Reads books, candles and histories: lists of the ticker or token that is named beside them."""
    names = members.keys()
    for book in ("orderbook_fp", "orderbook"):
        if book in names and "ticker" in around and _members(members[book]) is not None:
            universe.books[around["ticker"]] = msgspec.Raw(b'{"%s":%s}' % (book.encode(), bytes(members[book])))
            universe.taken += 1
    if "candlesticks" in names:
        _keep_candles(universe, around.get("ticker") or around.get("key", ""), members["candlesticks"])
    if {"market_tickers", "market_candlesticks"} <= names:
        tickers = msgspec.json.decode(members["market_tickers"], type=list[str])
        lists = msgspec.json.decode(members["market_candlesticks"], type=list[msgspec.Raw])
        for ticker, candles in zip(tickers, lists, strict=True):
            _keep_candles(universe, ticker, candles)
    if {"yes_token", "history"} <= names:
        points = {int(msgspec.json.decode(p)["t"]): p for p in _items(members["history"])}
        universe.histories.setdefault(str(msgspec.json.decode(members["yes_token"])), {}).update(points)
        universe.taken += 1


def _keep(objects: dict[str, RecordedObject], name: str, version: RecordedObject) -> None:
    """Keeps the latest version of an object; without a time, the version with more members."""
    old = objects.get(name)
    if old is None or _age(version) >= _age(old):
        objects[name] = version


def _age(recording: RecordedObject) -> tuple[str, int]:
    stamp = next((str(recording.get(n)) for n in _VERSION if n in recording.fields), "")
    return stamp, len(recording.fields)


def _keep_candles(universe: RecordedUniverse, ticker: str, candles: msgspec.Raw) -> None:
    by_end = {int(msgspec.json.decode(c)["end_period_ts"]): c for c in _items(candles)}
    if by_end:
        universe.candles.setdefault(ticker, {}).update(by_end)
        universe.taken += 1


def _items(raw: msgspec.Raw) -> Iterator[msgspec.Raw]:
    yield from msgspec.json.decode(raw, type=list[msgspec.Raw])


def _note_time(universe: RecordedUniverse, members: Fields) -> None:
    for name in _STAMPS:
        if name in members:
            value = msgspec.json.decode(members[name])
            if isinstance(value, str) and value:
                at = datetime.fromisoformat(value)
                universe.newest = max(universe.newest, at if at.tzinfo else at.replace(tzinfo=UTC))
    for name in _STAMPS_MS:
        if name in members:
            at = datetime.fromtimestamp(int(msgspec.json.decode(members[name])) / 1000, UTC)
            universe.newest = max(universe.newest, at)
