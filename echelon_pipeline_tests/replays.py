"""Replays frames with the machine and with the compiled rules, to compare both.

Belongs here: the parts that property tests and recordings share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pyarrow as pa

from echelon_pipeline.books.arrow import Batches
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.columns import Columns, Texts
from echelon_pipeline.books.events import Message
from echelon_pipeline.books.fast.kernel import Kernel
from echelon_pipeline.books.message_columns import columns_of
from echelon_pipeline.streams.replayer import ByMachine, Replayer, replayer
from echelon_pipeline.streams.segments import batch_of
from echelon_pipeline_tests.recorded_streams import Recorded

SECOND = 1_000_000


class Arrived(NamedTuple):
    """A frame with its number in the connection."""

    connection: str
    number: int
    received_at: int
    payload: bytes


def arrived(frames: Sequence[Recorded]) -> list[Arrived]:
    """Frames numbered from 0 in each connection."""
    numbers: Counter[str] = Counter()
    found = []
    for frame in frames:
        found.append(Arrived(frame.connection, numbers[frame.connection], frame.received_at, frame.payload))
        numbers[frame.connection] += 1
    return found


def both(
    venue: str, instruments: Sequence[Instrument], frames: Sequence[Arrived], chunk: int, **options: Any
) -> tuple[Replayer, dict[str, list[dict[str, Any]]]]:
    """The result of both if they agree; otherwise an error."""
    machine, kernel = ByMachine(venue, **options), replayer(venue, instruments, **options)
    assert isinstance(kernel, Kernel)
    expected, found = followed(machine, instruments, frames, chunk), followed(kernel, instruments, frames, chunk)
    for kind, rows in expected.items():
        assert found[kind] == rows, kind
    assert (kernel.counts, kernel.event_counts, kernel.now) == (machine.counts, machine.event_counts, machine.now)
    for one in instruments:
        assert kernel.hashes(one.instrument_id) == machine.hashes(one.instrument_id)
    return kernel, found


def followed(
    replay: Replayer, instruments: Sequence[Instrument], frames: Sequence[Arrived], chunk: int
) -> dict[str, list[dict[str, Any]]]:
    """The output of a replay of these frames in chunks."""
    for one in instruments:
        replay.watch(one, frames[0].received_at)
    for cut in pieces(frames, chunk):
        payloads = batch_of([f.received_at for f in cut], [f.payload for f in cut])
        replay.feed(cut[0].connection, cut[0].number, payloads)
    return in_order(replay.finish(replay.now + SECOND))


def pieces(frames: Sequence[Arrived], chunk: int) -> list[list[Arrived]]:
    """Frames with consecutive numbers, cut into chunks."""
    runs = groupby(enumerate(frames), key=lambda pair: (pair[1].connection, pair[1].number - pair[0]))
    whole = [[frame for _, frame in run] for _, run in runs]
    return [run[at : at + chunk] for run in whole for at in range(0, len(run), chunk)]


def in_order(out: Batches) -> dict[str, list[dict[str, Any]]]:
    """Rows by kind, grouped by instrument."""
    found = {kind: batch.to_pylist() for kind, batch in out._asdict().items()}
    for kind, rows in found.items():
        if kind in ("rows", "gaps"):
            rows.sort(key=lambda row: str(row["instrument_id"]))
        elif kind != "events":
            rows.sort(key=lambda row: [str(value) for value in row.values()])
    return found


def agree(
    columns: Callable[[pa.RecordBatch, Texts], Columns],
    read: Callable[[bytes], Message],
    known: Sequence[str],
    payloads: Sequence[bytes],
) -> int:
    """Checks that both decoders give the same columns, also when the texts are known; returns the number of plain
    frames. Each has texts of its own: a text that one has numbered in a later frame is unknown to the other before."""
    texts, others, plain = Texts(known), Texts(known), 0
    for _ in range(2):
        found = columns(batch_of(list(range(len(payloads))), list(payloads)), texts)
        expected = columns_of(found.received_at, map(read, payloads), others)
        assert said(found) == said(expected)
        assert list(texts) == list(others)
        plain = found.plain
    return plain


def said(columns: Columns) -> list[Any]:
    """Events and levels frame by frame, wherever they are stored."""
    return [
        (int(sid), int(seq), [_event(columns, at) for at in range(first, last)])
        for sid, seq, first, last in columns.frames.tolist()
    ]


def _event(columns: Columns, at: int) -> Any:
    event = columns.events[at]
    values = {name: event[name].tolist() for name in columns.events.dtype.names or ()}
    bids, asks, last = (values.pop(name) for name in ("bids", "asks", "last"))
    return values, columns.levels[bids:asks].tolist(), columns.levels[asks:last].tolist()
