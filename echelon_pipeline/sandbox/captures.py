"""Recorded WebSocket streams, read from the formats their recorders wrote.

Belongs here: files made into frames with their times. Playing them is ``replays.py``. What is no frame is counted by
reason, never lost in silence.

Formats: a line per Kalshi frame (``recv_ms``, ``event``); a document of Kalshi frames (``received_ms``, ``frame``); a
line per Kalshi message with its number outside (``payload_json``, ``sequence_number``; a folder of such files is one
stream); a line per Polymarket frame text (``recv_wall_ts``, ``payload``); bare Polymarket frames; a CSV with a row
per level, made into the frames of its time (2025).
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import msgspec

from echelon_pipeline.errors import BadSettings

Obj = dict[str, Any]
Found = tuple[int, object]  # Unix milliseconds, frame; a text instead of a frame is the reason why there is none
_OF_THE_RECORDER = {"price_cents", "yes_bid", "yes_ask", "no_bid", "no_ask"}
_CHANNELS = {"orderbook_delta", "ticker", "trade"}
_SIDES = {"bid": "BUY", "ask": "SELL"}


@dataclass(frozen=True, slots=True)
class Captured:
    """``us``: since the first frame. ``body``: JSON."""

    us: int
    body: bytes


@dataclass
class Capture:
    """Frames in the order of their times. ``skipped``: what was no frame, by reason."""

    venue: Literal["kalshi", "polymarket"]
    frames: list[Captured]
    skipped: Counter[str] = field(default_factory=Counter)


def load(path: Path) -> Capture:
    """A file, or a folder whose files are one stream. Raises BadSettings."""
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    found: list[tuple[int, int, object]] = []
    skipped: Counter[str] = Counter()
    for file in files:
        for at, frame in _read(file):
            if isinstance(frame, str):
                skipped[frame] += 1
            else:
                found.append((at, len(found), frame))
    if not found:
        raise BadSettings(f"{path} has no WebSocket frames of a format that is known here")
    found.sort(key=lambda f: f[:2])
    is_kalshi = isinstance(found[0][2], dict) and "sid" in found[0][2]
    first = found[0][0]
    frames = [Captured((at - first) * 1000, msgspec.json.encode(frame)) for at, _, frame in found]
    return Capture("kalshi" if is_kalshi else "polymarket", frames, skipped)


def _read(path: Path) -> Iterator[Found]:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        name = path.name.removesuffix(".gz")
        if name.endswith(".csv"):
            return iter(list(_csv(data.decode())))
        if name.endswith(".json"):
            return iter(list(_document(msgspec.json.decode(data))))
        return iter([_line(msgspec.json.decode(line)) for line in data.splitlines() if line])
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, KeyError, ValueError) as error:
        raise BadSettings(f"{path} cannot be read as a capture: {error!r}") from error


def _document(body: Any) -> Iterator[Found]:
    if isinstance(body, dict) and "frames" in body:
        for item in body["frames"]:
            yield _numbered(item["received_ms"], item["frame"])
    else:
        yield _bare(body)


def _line(row: Obj) -> Found:
    if "event" in row and "recv_ms" in row:
        return _numbered(row["recv_ms"], row["event"])
    if "payload_json" in row:
        return _enveloped(row)
    if "payload" in row and "source" in row:
        return _wrapped(row)
    return _bare(row)


def _numbered(at: int, frame: Obj) -> Found:
    """A Kalshi frame; acknowledgements without a number are answers to somebody else's commands."""
    return at, frame if "sid" in frame else f"{frame.get('type')} without sid"


def _enveloped(row: Obj) -> Found:
    kind, at = row["event_type"], row["local_recv_ns"] // 1_000_000
    if row["channel"] not in _CHANNELS:
        return at, f"{kind} of the recorder"
    frame = {"type": kind, "sid": sorted(_CHANNELS).index(row["channel"]) + 1}
    if row["sequence_number"] is not None:
        frame["seq"] = row["sequence_number"]
    return at, frame | {"msg": {k: v for k, v in row["payload_json"].items() if k not in _OF_THE_RECORDER}}


def _wrapped(row: Obj) -> Found:
    at = row["recv_wall_ts"]
    if row["source"] != "polymarket_clob":
        return at, f"source {row['source']}"
    try:
        frame = msgspec.json.decode(row["payload"])
    except msgspec.DecodeError:
        return at, f"text {row['payload'][:20]}"
    if isinstance(frame, dict) and "event_type" not in frame:
        return at, "REST answer"
    return at, frame


def _bare(frame: object) -> Found:
    if not isinstance(frame, dict) or "event_type" not in frame:
        return 0, "no frame"
    return int(frame["timestamp"]), frame


def _csv(text: str) -> Iterator[Found]:
    rows = csv.reader(io.StringIO(text))
    head = next(rows)
    good = []
    for row in rows:
        if len(row) == len(head):
            good.append(dict(zip(head, row, strict=True)))
        else:
            yield 0, f"row with {len(row)} fields"
    for _, group in groupby(good, key=lambda r: (r["asset_id"], r["event_type"], r["hash"], r["timestamp"])):
        yield _leveled(list(group))


def _leveled(rows: list[Obj]) -> Found:
    """The frame whose levels these rows are."""
    first = rows[0]
    body: Obj = {"event_type": first["event_type"], "asset_id": first["asset_id"], "market": first["market_id"]}
    body |= {"hash": first["hash"], "timestamp": first["timestamp"]}
    levels = [(r["side"], {"price": _trimmed(r["price"]), "size": _trimmed(r["size"])}) for r in rows]
    if first["event_type"] == "book":
        body |= {f"{side}s": [level for of, level in levels if of == side] for side in ("bid", "ask")}
    elif first["event_type"] == "price_change":
        body["changes"] = [level | {"side": _SIDES[side]} for side, level in levels]
    else:
        return int(first["timestamp"]), f"row of {first['event_type']}"
    return int(first["timestamp"]), body


def _trimmed(number: str) -> str:
    """As the venue writes it: the recorder made "5.0" of "5"."""
    return number.removesuffix(".0")
