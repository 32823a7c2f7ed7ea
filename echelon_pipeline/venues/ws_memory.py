"""Bounds the memory of one WebSocket connection: reading pauses by queued bytes, not by messages alone.

Belongs here: the bound that ``websockets`` lacks. Its limit applies to one decompressed message; ten thousand of the
largest would take 160 GB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.messages import SimpleQueue
from websockets.frames import Frame


class BoundedQueue(SimpleQueue[Frame]):
    """Queued frames. The library compares its length with watermarks: the number of frames, or the queued bytes divided
    by ``frame_bytes``, whichever is more."""

    def __init__(self, frame_bytes: int) -> None:
        super().__init__()
        self.bytes = 0
        self._frame_bytes = frame_bytes

    def __len__(self) -> int:
        return max(len(self.queue), self.bytes // self._frame_bytes)

    def put(self, item: Frame) -> None:
        self.bytes += len(item.data)
        super().put(item)

    async def get(self, block: bool = True) -> Frame:
        item = await super().get(block)
        self.bytes -= len(item.data)
        return item

    def put_back(self, items: Sequence[Frame]) -> None:
        self.bytes += sum(len(item.data) for item in items)
        super().put_back(items)


def bounded(queue_bytes: int, queue_frames: int) -> type[ClientConnection]:
    """A connection that stops reading from the network while so many bytes or frames are queued.

    One read from the network comes on top: 256 KiB, which decompress to 264 MB at most.
    """

    class Bounded(ClientConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.recv_messages.frames = BoundedQueue(max(1, queue_bytes // queue_frames))

    return Bounded
