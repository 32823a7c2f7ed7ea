"""Recorded WebSocket captures as frames: the venue's bytes without the recorder's wrapper.

Belongs here: the formats of captures. Contract tests check their frames.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from echelon_pipeline.books.events import Frame, Message
from echelon_pipeline.books.machine import Machine
from echelon_pipeline_tests.fakes import RECORDINGS


class Recorded(NamedTuple):
    """One frame of a capture. ``received_at``: microseconds, on the recorder's clock."""

    connection: str
    received_at: int
    payload: bytes


def replay(
    machine: Machine, frames: Iterable[Recorded], read: Callable[[bytes], Message], see: Callable[[Message], None]
) -> int:
    """Feeds a capture, numbered per connection; calls ``see`` after each frame. Returns the last time."""
    numbers: dict[str, int] = {}
    at = 0
    for connection, at, payload in frames:
        message = read(payload)
        numbers[connection] = numbers.get(connection, 0) + 1
        machine.feed(Frame(connection, numbers[connection], at, message))
        see(message)
    return at


class _Cut(msgspec.Struct):
    recv_ms: int
    event: msgspec.Raw


class _Kept(msgspec.Struct):
    received_ms: int
    frame: msgspec.Raw


class _Document(msgspec.Struct):
    frames: list[_Kept]


class Noted(msgspec.Struct):
    """One message of a capture that is split by type."""

    event_type: str
    local_recv_ns: int
    sequence_number: int | None
    payload_json: msgspec.Raw


class _Wrapped(msgspec.Struct):
    source: str
    recv_wall_ts: int
    payload: str


def _lines(name: str, shape: Any) -> Iterator[Any]:
    decode = msgspec.json.Decoder(shape).decode
    with gzip.open(RECORDINGS / name, "rb") as file:
        for line in file:
            yield decode(line)


def one_ticker(name: str) -> Iterator[Recorded]:
    """``gold15m_*``: receipt time and the unchanged message; one ticker out of a subscription to many."""
    for row in _lines(name, _Cut):
        yield Recorded("cut", row.recv_ms * 1000, bytes(row.event))


def many_markets(name: str) -> Iterator[Recorded]:
    """``multi_market_stream``: one document with every frame of one subscription."""
    document = msgspec.json.decode(gzip.decompress((RECORDINGS / name).read_bytes()), type=_Document)
    for row in document.frames:
        yield Recorded("socket", row.received_ms * 1000, bytes(row.frame))


_SIDS = {"ticker": 1, "orderbook_snapshot": 2, "orderbook_delta": 2}


def split_by_type(folder: str) -> list[Noted]:
    """``btc15m_*``: one file per type, merged by receipt time; sequence numbers order frames of the same time."""
    rows = [
        row for path in sorted((RECORDINGS / folder).glob("*.gz")) for row in _lines(f"{folder}/{path.name}", Noted)
    ]
    return sorted(rows, key=lambda row: (row.local_recv_ns, row.sequence_number or 0))


def rotating(rows: Iterable[Noted]) -> Iterator[Recorded]:
    """``btc15m_*`` as received: without the recorder's envelope, a connection per ``ws_connected``."""
    connection = 0
    for row in rows:
        kind, body = row.event_type, bytes(row.payload_json)
        connection += kind == "ws_connected"
        if kind in _SIDS:
            seq = b"" if row.sequence_number is None else b'"seq":%d,' % row.sequence_number
            body = b'{"type":"%b","sid":%d,%b"msg":%b}' % (kind.encode(), _SIDS[kind], seq, body)
        elif kind != "ws_subscribed":
            continue  # the recorder's own notes
        yield Recorded(f"{connection}", row.local_recv_ns // 1000, body)


def bursts(name: str) -> Iterator[Recorded]:
    """``raw_frames_*``: Polymarket's payloads. A socket's first answer is an array of books."""
    connection = 0
    for row in _lines(name, _Wrapped):
        if row.source == "polymarket_clob":
            connection += row.payload.startswith("[")
            yield Recorded(f"{connection}", row.recv_wall_ts * 1000, row.payload.encode())


def flattened(name: str) -> Iterator[Recorded]:
    """``signaldrift_*``: frames rebuilt from a row per level or change; the venue's clock replaces ours."""
    with gzip.open(RECORDINGS / name, "rt", encoding="utf-8", newline="") as file:
        for (kind, asset, digest, at), group in groupby(csv.DictReader(file), _frame):
            head = {"event_type": kind, "asset_id": asset, "market": "", "hash": digest, "timestamp": at}
            yield Recorded("socket", int(at) * 1000, json.dumps(head | _body(kind, list(group))).encode())


def _frame(row: dict[str, str]) -> tuple[str, str, str, str]:
    return row["event_type"], row["asset_id"], row["hash"], row["timestamp"]


def _body(kind: str, rows: list[dict[str, str]]) -> dict[str, Any]:
    if kind == "book":
        sides: dict[str, list[dict[str, str]]] = {"bid": [], "ask": []}
        for row in rows:
            sides[row["side"]].append({"price": row["price"], "size": row["size"]})
        return {"bids": sides["bid"], "asks": sides["ask"]}
    words = {"bid": "BUY", "ask": "SELL"}
    return {"changes": [{"price": r["price"], "size": r["size"], "side": words[r["side"]]} for r in rows]}
