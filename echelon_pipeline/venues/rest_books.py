"""Frames of our own: answers of a venue's REST endpoint of books, recorded among the frames of its stream.

Belongs here: their format. A frame is a mark that no venue sends, a line of JSON, and the body as served. What a body
means is each venue's ``stream.read_books``.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from echelon_pipeline.books.events import Message, SuspectLadder, Unreadable
from echelon_pipeline.venues.frames import reason

MARK = b"echelon:rest-books "


class RestBooks(msgspec.Struct, frozen=True):
    """An answer. ``asked_at``: microsecond at which the request was sent."""

    endpoint: str
    asked_at: int
    body: bytes


class _Header(msgspec.Struct):
    endpoint: str
    asked_at: int


_HEADER = msgspec.json.Decoder(_Header).decode


def wrapped(answer: RestBooks) -> bytes:
    """The frame of an answer."""
    header = msgspec.json.encode(_Header(answer.endpoint, answer.asked_at))
    return MARK + header + b"\n" + answer.body


def unwrapped(payload: bytes) -> RestBooks:
    """The answer in a frame. Raises ValueError where the frame has another format."""
    line, end, body = payload.removeprefix(MARK).partition(b"\n")
    if not payload.startswith(MARK) or not end:
        raise ValueError(f"expected a frame of REST books, got {payload[:40]!r}")
    header = _HEADER(line)
    return RestBooks(header.endpoint, header.asked_at, body)


def read(payload: bytes, read_books: Callable[[bytes], Message]) -> Message:
    """The events of a frame. What cannot be read affects no book: nothing of the stream is missing."""
    try:
        message = read_books(unwrapped(payload).body)
    except ValueError as error:
        return Message((Unreadable(payload, reason(error), affects_book=False),))
    return Message(
        tuple(
            msgspec.structs.replace(event, affects_book=False, token=None) if isinstance(event, Unreadable) else event
            for event in message.events
            if not isinstance(event, SuspectLadder)
        )
    )
