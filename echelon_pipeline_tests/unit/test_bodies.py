"""Bodies of answers: content encodings in any depth, and nothing decoded beyond the bound."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.venues.bodies import PIECE, Decoder, TooLargeError, UndecodableError

Encode = Callable[[bytes], bytes]


def bare(data: bytes) -> bytes:
    """Deflate without the zlib header, as some servers send it."""
    maker = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return maker.compress(data) + maker.flush()


ENCODERS: dict[str, list[Encode]] = {
    "gzip": [gzip.compress, lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:])],
    "x-gzip": [gzip.compress],
    "deflate": [zlib.compress, bare],
    "identity": [lambda data: data],
}
layers = st.lists(st.sampled_from([(name, made) for name, many in ENCODERS.items() for made in many]), max_size=3)


def decoded(encodings: str, body: bytes, limit: int, step: int = 7) -> bytes:
    decoder = Decoder(encodings, limit)
    for at in range(0, len(body), step):
        decoder.feed(body[at : at + step])
    return decoder.end()


@given(st.binary(max_size=2000), layers, st.integers(1, 700))
def test_a_body_is_what_was_encoded_whatever_the_chain(body: bytes, chain: list[tuple[str, Encode]], step: int) -> None:
    sent = body
    for _, encode in chain:
        sent = encode(sent)
    assert decoded(", ".join(name for name, _ in chain), sent, max(len(body), 200) * 2, step) == body


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_small_body_that_grows_is_refused_before_it_is_decoded(depth: int) -> None:
    sent = bytes(50_000_000)
    for _ in range(depth):
        sent = gzip.compress(sent)
    decoder = Decoder(", ".join(["gzip"] * depth), 1_000_000)
    with pytest.raises(TooLargeError):
        decoder.feed(sent)
    assert len(decoder.so_far()) <= 1_000_000 + PIECE


def test_the_bound_is_the_largest_body() -> None:
    assert decoded("gzip", gzip.compress(bytes(1000)), 1000, 50) == bytes(1000)
    with pytest.raises(TooLargeError):
        decoded("gzip", gzip.compress(bytes(1001)), 1000, 50)
    with pytest.raises(TooLargeError):
        decoded("", bytes(1001), 1000)


@pytest.mark.parametrize(
    ("encodings", "body"),
    [
        ("br", b"whatever"),
        ("gzip, gzip, gzip, gzip", b""),
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"cut off", mtime=0)[:-9]),
        ("deflate", b"\xff\xff\xff\xff"),
    ],
)
def test_what_is_not_as_its_header_says_is_named(encodings: str, body: bytes) -> None:
    with pytest.raises(UndecodableError):
        decoded(encodings, body, 1000)


def test_padding_behind_a_stream_is_no_part_of_the_body() -> None:
    assert decoded("gzip", gzip.compress(b"body") + bytes(16), 1000) == b"body"
