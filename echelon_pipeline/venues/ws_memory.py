"""Bounded memory for one WebSocket connection: reading pauses by bytes held, not by messages alone.

Belongs here: what ``websockets`` leaves open. Its limit bounds one message, decompressed; ten thousand of the largest
would still be 160 GB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.messages import SimpleQueue
from websockets.frames import Frame


class BoundedQueue(SimpleQueue[Frame]):
    """Frames that wait for their reader. Its length is what the library compares with its watermarks: the number of
    frames, or how many frames of ``frame_bytes`` their bytes would be, whichever is more."""

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
    """A connection that stops reading from the network while it holds so many bytes, or so many frames.

    What one read from the network brings comes on top: 256 KiB, which decompress to 264 MB at most.
    """

    class Bounded(ClientConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.recv_messages.frames = BoundedQueue(max(1, queue_bytes // queue_frames))

    return Bounded
