"""Arrow batches of frames to columns: what is plain by compiled functions, the rest by the venue's reader.

Belongs here: the room that compiled functions read and write in. The venues' ``fast`` modules decide which
frames are plain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.columns import EVENT, FRAME, LEVEL, Array, Columns, Texts, columns_of, joined
from echelon_pipeline.books.events import Message
from echelon_pipeline.books.fast.blocks import BLOCK

LEVEL_BYTES = 8  # no level is shorter


def _room(texts: Texts, name: str, count: int, kind: Any) -> Array:
    """What the batch before was written in: pages that are new to the process are cleared first, which took a third of
    the time."""
    kept = texts.rooms.get(name)
    if kept is None or len(kept) < count:
        kept = texts.rooms[name] = np.empty(count, kind)
    return kept[:count]


def columns_by(
    scan: Callable[..., tuple[int, int]], read: Callable[[bytes], Message], names: list[int], event_bytes: int
) -> Callable[[pa.RecordBatch, Texts], Columns]:
    """A decoder of Arrow batches of (received_at, payload), whose columns last until the next batch with the same
    texts: ``scan`` for what is plain, ``read`` for the rest. No event takes less than ``event_bytes`` of a payload;
    ``names``: how many those objects have that ``scan`` looks into."""

    def decode(batch: pa.RecordBatch, texts: Texts) -> Columns:
        payloads: Any = batch.column("payload")
        times: Any = batch.column("received_at").cast(pa.int64())
        # A copy: what may be written to is another type, for which everything would be compiled once more.
        received_at = times.to_numpy(zero_copy_only=False).copy()
        _, offsets, data = payloads.buffers()
        ends = np.frombuffer(offsets, "i4")[payloads.offset : payloads.offset + len(payloads) + 1]
        total = int(ends[-1] - ends[0])
        frames = _room(texts, "frames", len(payloads), FRAME)
        events = _room(texts, "events", len(payloads) + total // event_bytes, EVENT)
        levels = _room(texts, "levels", total // LEVEL_BYTES + 1, LEVEL)
        # A frame with a block of zeros behind it and, for what is read up to its end, one before it.
        room = np.zeros(int(np.diff(ends).max(initial=0)) + 3 * BLOCK, "u1")
        spans = [np.zeros(2 * count, "i8") for count in names]
        b = np.frombuffer(data if data is not None and data.size else b"\0", "u1")
        last_event, last_level = scan(
            *(b, ends, room, frames, events, levels, texts.pool, texts.ends, texts.slots), *spans
        )
        plain = Columns(received_at, frames, events[:last_event], levels[:last_level], plain=len(frames))
        where = np.flatnonzero(frames["first"] < 0)
        if not len(where):
            return plain
        messages = [read(payloads[int(n)].as_py()) for n in where]
        return joined(plain, columns_of(received_at, messages, texts), where, events, levels)

    return decode
