"""Damaged frames of both venues in numbers: no reader and no book ever breaks, and nothing is passed over silently.

Belongs here: quantity, from a seed. What a damaged frame may say is tested with ``mutations.py`` beside each reader.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Frame, Message, Unreadable
from echelon_pipeline.books.machine import Machine
from echelon_pipeline.venues.kalshi import stream as kalshi
from echelon_pipeline.venues.polymarket import stream as polymarket
from echelon_pipeline_tests.unit.test_kalshi_stream import FRAMES as KALSHI
from echelon_pipeline_tests.unit.test_polymarket_stream import FRAMES as POLYMARKET

SEED = 7
WORDS = [b"null", b"0", b"-1", b"1e9", b'""', b"[]", b"{}", b"NaN", b'"0.4200"', b"true", b"99999999999999999999", b","]


def damaged(chance: random.Random, frame: bytes) -> bytes:
    """One frame with one to three wounds: a byte, a cut, a stretch doubled, or a word where it does not belong."""
    data = bytearray(frame)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(4)
        if kind == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.randint(1, 12)]
        elif kind == 2:
            data[at:at] = data[at : at + chance.randint(1, 20)]
        else:
            data[at : at + chance.randint(0, 8)] = chance.choice(WORDS)
    return bytes(data)


def fuzz(read: Callable[[bytes], Message], frames: list[bytes], instrument: Instrument, count: int) -> Counter[str]:
    """What came of so many damaged frames, read and given to a machine."""
    chance = random.Random(SEED)
    machine = Machine()
    met: Counter[str] = Counter()
    for number, payload in enumerate(_frames(chance, frames, count)):
        if number % 500 == 0:  # some frame ends trading for good
            met += machine.counts
            machine = Machine()
            machine.watch(instrument, number * 1_000)
        message = read(payload)
        assert message.events, payload
        for event in message.events:
            met[type(event).__name__] += 1
            if isinstance(event, Unreadable):
                assert event.reason, payload
                assert event.payload in payload
        machine.feed(Frame("c", number, number * 1_000, message))
        machine.take()
    machine.finish(count * 1_000)
    return met + machine.counts


def _frames(chance: random.Random, frames: list[bytes], count: int) -> Iterator[bytes]:
    for number in range(count):
        frame = chance.choice(frames)
        yield frame if number % 5 == 0 else damaged(chance, frame)  # else no book would ever be there to break


VENUES = [
    pytest.param(kalshi.read, KALSHI, Instrument("kalshi:K", ("K",)), id="kalshi"),
    pytest.param(polymarket.read, POLYMARKET, Instrument("polymarket:0xm", ("1", "2")), id="polymarket"),
]


@pytest.mark.parametrize(("read", "frames", "instrument"), VENUES)
def test_ten_thousand_damaged_frames_break_nothing(
    read: Callable[[bytes], Message], frames: list[bytes], instrument: Instrument
) -> None:
    met = fuzz(read, frames, instrument, 10_000)
    assert met["Unreadable"] > 1_000
    assert met["Change"] + met["Snapshot"] > 500
    assert sum(count for kind, count in met.items() if kind.startswith("lost_")) > 20


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("read", "frames", "instrument"), VENUES)
def test_half_a_million_damaged_frames_of_each_venue_break_nothing(
    read: Callable[[bytes], Message], frames: list[bytes], instrument: Instrument
) -> None:
    met = fuzz(read, frames, instrument, 500_000)
    assert met["Unreadable"] > 50_000
