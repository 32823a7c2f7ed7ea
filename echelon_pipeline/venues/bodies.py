"""Bodies of HTTP answers, read as a stream within a bound on their decoded size.

Belongs here: content encodings and the bound. Bodies are not interpreted; ``http.py`` limits the duration of a request.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

ACCEPTED = "gzip, deflate"
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
# A body is encoded once; a proxy may encode it again. More layers only multiply the size of the decoded body.
MAX_LAYERS = 3
PIECE = 256 * 1024  # decoded bytes per layer in memory


class TooLargeError(ValueError):
    """The decoded body is larger than the bound."""


class UndecodableError(ValueError):
    """The body does not match its Content-Encoding, or has an encoding that was not requested."""


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """The decoded body of a streamed response. Raises TooLargeError above ``limit`` bytes, before they are decoded, and
    UndecodableError; httpx's errors where the connection breaks."""
    if response.is_stream_consumed:  # an in-memory transport has read and decoded the body
        if len(response.content) > limit:
            raise TooLargeError(f"more than {limit} bytes")
        return response.content
    decoder = Decoder(response.headers.get("Content-Encoding", ""), limit)
    async for chunk in response.aiter_raw():
        decoder.feed(chunk)
    return decoder.end()


async def read_start(response: httpx.Response, limit: int) -> bytes:
    """The decodable part of the first ``limit`` bytes, for the text of a failure."""
    if response.is_stream_consumed:
        return response.content[:limit]
    decoder, taken = Decoder(response.headers.get("Content-Encoding", ""), limit), 0
    try:
        async for chunk in response.aiter_raw():
            decoder.feed(chunk)
            taken += len(chunk)
            if taken >= limit:
                break
    except (TooLargeError, UndecodableError):
        pass  # the status code classifies the failure; the text is additional
    return decoder.so_far()


class Decoder:
    """Decodes a body piece by piece. Memory is bounded by the limit and ``PIECE`` per layer."""

    def __init__(self, encodings: str, limit: int) -> None:
        names = [name.strip().lower() for name in encodings.split(",")]
        layers = [name for name in names if name not in ("", "identity")]
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._unknown = next((n for n in layers if n not in ("gzip", "x-gzip", "deflate")), None)
        if len(layers) > MAX_LAYERS:
            self._unknown = f"{len(layers)} encodings of one body"
        # Encodings are listed in the order in which they were applied: the last one is decoded first.
        self._layers = [] if self._unknown else [_Layer(name, limit) for name in reversed(layers)]

    def feed(self, chunk: bytes) -> None:
        """Decodes the next bytes from the wire."""
        if self._unknown:
            raise UndecodableError(f"{self._unknown[:40]}: only {ACCEPTED} were asked for")
        self._pass(0, chunk)

    def _pass(self, depth: int, chunk: bytes) -> None:
        if depth < len(self._layers):
            for piece in self._layers[depth].pieces(chunk):
                self._pass(depth + 1, piece)
            return
        self._size += len(chunk)
        if self._size > self._limit:
            raise TooLargeError(f"more than {self._limit} bytes")
        self._parts.append(chunk)

    def end(self) -> bytes:
        """The whole body. Raises UndecodableError where an encoded stream has not ended."""
        if self._unknown:
            raise UndecodableError(f"{self._unknown[:40]}: only {ACCEPTED} were asked for")
        for layer in self._layers:
            layer.check_ended()
        return self.so_far()

    def so_far(self) -> bytes:
        """The bytes decoded so far."""
        return b"".join(self._parts)


class _Layer:
    """One gzip or deflate stream, or several gzip members in a row."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._size = 0
        self._begun = False
        self._head = b""  # of deflate: bytes before its kind is known
        self._stream = None if name == "deflate" else zlib.decompressobj(_GZIP)

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """The decoded chunk, at most ``PIECE`` bytes at a time."""
        data = self._head + chunk
        if self._stream is None:
            if len(data) < 2:
                self._head = data
                return
            # Some servers send deflate without its zlib header.
            has_header = data[0] & 15 == 8 and (data[0] * 256 + data[1]) % 31 == 0
            self._stream, self._head = zlib.decompressobj(_ZLIB if has_header else _BARE), b""
        while data:
            if self._stream.eof:
                if self._name == "deflate" or not data.strip(b"\0"):
                    return  # padding after a stream is not part of the body
                self._stream = zlib.decompressobj(_GZIP)
            try:
                piece = self._stream.decompress(data, PIECE)
            except zlib.error as error:
                raise UndecodableError(f"{self._name}: {error}") from error
            self._begun = True
            data = self._stream.unconsumed_tail or self._stream.unused_data
            self._size += len(piece)
            # The limit holds between layers too.
            if self._size > self._limit:
                raise TooLargeError(f"more than {self._limit} bytes")
            if piece:
                yield piece

    def check_ended(self) -> None:
        if self._head or (self._begun and self._stream is not None and not self._stream.eof):
            raise UndecodableError(f"{self._name}: the stream breaks off")
