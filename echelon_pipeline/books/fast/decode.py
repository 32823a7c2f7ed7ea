"""Arrow batches of frames to columns: plain frames by compiled functions, the others by the venue's reader.

Belongs here: the buffers that compiled functions read and write. The venues' ``fast`` modules decide which frames are
plain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from echelon_pipeline.books.columns import EVENT, FRAME, LEVEL, Array, Columns, Texts, merge_columns
from echelon_pipeline.books.events import Message
from echelon_pipeline.books.fast.blocks import BLOCK
from echelon_pipeline.books.message_columns import columns_of

LEVEL_BYTES = 8  # minimum length of a level


def _buffer(texts: Texts, name: str, count: int, kind: Any) -> Array:
    """The buffer of the previous batch: the system clears new pages first, which took a third of the time."""
    kept = texts.buffers.get(name)
    if kept is None or len(kept) < count:
        kept = texts.buffers[name] = np.empty(count, kind)
    return kept[:count]


def columns_by(
    scan: Callable[..., tuple[int, int]], read: Callable[[bytes], Message], names: list[int], event_bytes: int
) -> Callable[[pa.RecordBatch, Texts], Columns]:
    """A decoder of Arrow batches of (received_at, payload). Its columns are valid until the next batch with the same
    texts. ``scan`` reads plain frames, ``read`` the others. ``event_bytes``: minimum length of an event in a payload;
    ``names``: number of names in each object that ``scan`` looks into."""

    def decode(batch: pa.RecordBatch, texts: Texts) -> Columns:
        payloads: Any = batch.column("payload")
        times: Any = batch.column("received_at").cast(pa.int64())
        # A copy: a read-only array is another type, for which everything would be compiled again.
        received_at = times.to_numpy(zero_copy_only=False).copy()
        _, offsets, data = payloads.buffers()
        ends = np.frombuffer(offsets, "i4")[payloads.offset : payloads.offset + len(payloads) + 1]
        total = int(ends[-1] - ends[0])
        frames = _buffer(texts, "frames", len(payloads), FRAME)
        events = _buffer(texts, "events", len(payloads) + total // event_bytes, EVENT)
        levels = _buffer(texts, "levels", total // LEVEL_BYTES + 1, LEVEL)
        # One frame with a block of zeros after it and one before it, for loads that end at its first bytes.
        frame_buffer = np.zeros(int(np.diff(ends).max(initial=0)) + 3 * BLOCK, "u1")
        spans = [np.zeros(2 * count, "i8") for count in names]
        b = np.frombuffer(data if data is not None and data.size else b"\0", "u1")
        last_event, last_level = scan(
            *(b, ends, frame_buffer, frames, events, levels, texts.pool, texts.ends, texts.slots), *spans
        )
        plain = Columns(received_at, frames, events[:last_event], levels[:last_level], plain=len(frames))
        where = np.flatnonzero(frames["first"] < 0)
        if not len(where):
            return plain
        messages = [read(payloads[int(n)].as_py()) for n in where]
        return merge_columns(plain, columns_of(received_at, messages, texts), where, events, levels)

    return decode
