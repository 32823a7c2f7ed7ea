"""Reads recorded WebSocket streams in the formats of other recorders.

Belongs here: files to frames with their times, in file order. Records that are not frames are returned with the reason.

Formats: a line per Kalshi frame (``recv_ms``, ``event``); a document of Kalshi frames (``received_ms``, ``frame``); a
line per Kalshi message with its number outside (``payload_json``, ``sequence_number``; a folder of such files is one
stream); a line per Polymarket frame text (``recv_wall_ts``, ``payload``); bare Polymarket frames; a CSV with a row
per level, made into the frames of its time.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from echelon_pipeline.domain.csv_records import NO_END, Record, table
from echelon_pipeline.domain.sides import BookSide, book_side
from echelon_pipeline.errors import BadImport

Obj = dict[str, Any]
_OF_THE_RECORDER = {"price_cents", "yes_bid", "yes_ask", "no_bid", "no_ask"}
_CHANNELS = {"orderbook_delta", "ticker", "trade"}
_LEVEL = ("asset_id", "market_id", "event_type", "hash", "timestamp", "side", "price", "size")
MILLISECOND = 1_000
NO_FRAME = "the line cannot be read as a frame"
# Errors that readers raise on a damaged file or a record of another format.
_DAMAGES = (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


class RecordedFrame(NamedTuple):
    """``at``: microseconds since 1970, of receipt, or of the venue where the recorder kept no other. ``frame``: an
    object or an array of them; a text instead is the reason why there is none. ``is_new``: a connection begins with
    it. ``record``: what stands for it in the file where it is no frame."""

    at: int
    frame: object
    is_new: bool = False
    record: object = None


def frames_of(path: Path) -> list[RecordedFrame]:
    """Frames of a file in its order; of a folder, whose files are one stream, in the order of their times.

    Raises BadImport where a file cannot be read as a recording.
    """
    if not path.is_dir():
        return list(_read(path))
    files = sorted(p for p in path.iterdir() if p.is_file())
    found = [(f.at, n, f) for n, f in enumerate(f for file in files for f in _read(file))]
    return [f for *_, f in sorted(found, key=lambda one: one[:2])]


def _read(path: Path) -> Iterator[RecordedFrame]:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        name = path.name.removesuffix(".gz")
        if name.endswith(".csv"):
            return iter(list(_csv(data.decode())))
        if name.endswith(".json"):
            return iter(list(_document(msgspec.json.decode(data))))
        return iter(_lines(data))
    except (*_DAMAGES, RecursionError) as error:
        raise BadImport(f"{path} cannot be read as a capture: {error!r}") from error


def _lines(data: bytes) -> list[RecordedFrame]:
    """A line that is no frame costs no other; where none is one, the file is no recording."""
    found, damaged = [], None
    for line in filter(None, data.splitlines()):
        try:
            found.append(_line(msgspec.json.decode(line)))
        except (*_DAMAGES, RecursionError) as error:
            damaged = error
            found.append(RecordedFrame(0, NO_FRAME, record=line.decode(errors="replace")))
    if damaged is not None and all(one.frame == NO_FRAME for one in found):
        raise damaged
    return found


def _document(body: Any) -> Iterator[RecordedFrame]:
    if isinstance(body, dict) and "frames" in body:
        for item in body["frames"]:
            yield _numbered(item["received_ms"], item["frame"])
    else:
        yield _bare(body)


def _line(row: Any) -> RecordedFrame:
    if not isinstance(row, dict):
        return _bare(row)
    if "event" in row and "recv_ms" in row:
        return _numbered(row["recv_ms"], row["event"])
    if "received_ms" in row and "frame" in row:
        return _received(row["received_ms"], row["frame"])
    if "payload_json" in row:
        return _enveloped(row)
    if "payload" in row and "source" in row:
        return _wrapped(row)
    return _bare(row)


def _received(at: int, frame: Any) -> RecordedFrame:
    """A frame of either venue: Kalshi's has a subscription, Polymarket's a type, or is an array of those."""
    first = frame[0] if isinstance(frame, list) and frame else frame
    if isinstance(first, dict) and "event_type" in first:
        return RecordedFrame(at * MILLISECOND, frame, isinstance(frame, list))
    return _numbered(at, frame)


def _numbered(at: int, frame: Any) -> RecordedFrame:
    """A Kalshi frame; acknowledgements without a number answer another client's commands."""
    if isinstance(frame, dict) and "sid" in frame:
        return RecordedFrame(at * MILLISECOND, frame)
    kind = frame.get("type") if isinstance(frame, dict) else "frame"
    return RecordedFrame(at * MILLISECOND, f"{kind} without sid", record=frame)


def _enveloped(row: Obj) -> RecordedFrame:
    kind, at = row["event_type"], row["local_recv_ns"] // 1_000
    if row["channel"] not in _CHANNELS:
        return RecordedFrame(at, f"{kind} of the recorder", kind == "ws_connected", row)
    frame = {"type": kind, "sid": sorted(_CHANNELS).index(row["channel"]) + 1}
    if row["sequence_number"] is not None:
        frame["seq"] = row["sequence_number"]
    return RecordedFrame(
        at, frame | {"msg": {k: v for k, v in row["payload_json"].items() if k not in _OF_THE_RECORDER}}
    )


def _wrapped(row: Obj) -> RecordedFrame:
    at = row["recv_wall_ts"] * MILLISECOND
    if row["source"] != "polymarket_clob":
        return RecordedFrame(at, f"source {row['source']}", record=row)
    try:
        frame = msgspec.json.decode(row["payload"])
    except msgspec.DecodeError:
        return RecordedFrame(at, f"text {row['payload'][:20]}", record=row)
    if isinstance(frame, dict) and "event_type" not in frame:
        return RecordedFrame(at, "REST answer", record=frame)
    return RecordedFrame(at, frame, isinstance(frame, list))  # a socket's first answer is an array of books


def _bare(frame: object) -> RecordedFrame:
    if not isinstance(frame, dict) or "event_type" not in frame:
        return RecordedFrame(0, "no frame", record=frame)
    return RecordedFrame(int(frame["timestamp"]) * MILLISECOND, frame)


def _csv(text: str) -> Iterator[RecordedFrame]:
    head, rows = table(text, ",")
    if missing := [name for name in _LEVEL if name not in head]:
        raise ValueError(f"no column {', '.join(missing)}")
    good = []
    for row in rows:
        if isinstance(row, Record):
            yield RecordedFrame(0, NO_END, record=row.text.rstrip("\r\n"))
        elif len(row) == len(head):
            good.append(dict(zip(head, row, strict=True)))
        else:
            yield RecordedFrame(0, f"row with {len(row)} fields", record=row)
    for _, group in groupby(good, key=lambda r: (r["asset_id"], r["event_type"], r["hash"], r["timestamp"])):
        levels = list(group)
        for one in levels:
            if book_side(one["side"]) is None:
                yield RecordedFrame(0, f"row with the side {one['side'][:20]!r}", record=one)
        try:
            yield _leveled(levels)
        except (ValueError, ArithmeticError):
            for one in levels:
                yield RecordedFrame(0, "row of a frame with a level or a time that is no number", record=one)


def _leveled(rows: list[Obj]) -> RecordedFrame:
    """The frame whose levels these rows are, without those of which the side is unknown."""
    first = rows[0]
    kind, at = first["event_type"], int(first["timestamp"]) * MILLISECOND
    body: Obj = {"event_type": kind, "asset_id": first["asset_id"], "market": first["market_id"]}
    body |= {"hash": first["hash"], "timestamp": first["timestamp"]}
    if kind not in ("book", "price_change"):
        return RecordedFrame(at, f"row of {kind}", record=first)
    levels = [(side.is_bid, _level(row, side)) for row in rows if (side := book_side(row["side"])) is not None]
    if not levels:
        return RecordedFrame(at, f"{kind} without a level", record=first)
    if kind == "book":
        for name, wanted in (("bids", True), ("asks", False)):
            body[name] = [level for is_bid, level in levels if is_bid is wanted]
    else:
        body["changes"] = [level | {"side": "BUY" if is_bid else "SELL"} for is_bid, level in levels]
    return RecordedFrame(at, body)


def _level(row: Obj, side: BookSide) -> Obj:
    price = str(Decimal(1) - Decimal(row["price"])) if side.is_mirrored else _trimmed(row["price"])
    return {"price": price, "size": _trimmed(row["size"])}


def _trimmed(number: str) -> str:
    """As the venue writes it: the recorder made "5.0" of "5"."""
    return number.removesuffix(".0")
