"""Decodes the toy venue's frames, and writes its subscriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from echelon_pipeline.books.events import Message, Snapshot, Traded, Unreadable
from echelon_pipeline.venues.frames import UNREADABLE, ladder, level, price, reason, size
from echelon_pipeline.venues.ws import Wire


class _Frame(msgspec.Struct):
    toy: str
    market: str
    at: int
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []
    price: str = ""
    size: str = ""
    buys: bool = False
    id: str = ""


def read(payload: bytes) -> Message:
    """One frame: a whole book, or a trade. ``at`` is in microseconds."""
    try:
        frame = msgspec.json.decode(payload, type=_Frame)
        if frame.toy == "trade":
            return Message(
                (Traded(frame.market, price(frame.price), size(frame.size), frame.buys, frame.id, frame.at),)
            )
        bids, asks = (ladder([level(p, s) for p, s in side]) for side in (frame.bids, frame.asks))
    except UNREADABLE as error:
        return Message((Unreadable(payload, reason(error), affects_book=True),))
    return Message((Snapshot(frame.market, bids, asks, frame.at),))


async def subscribe(wire: Wire, markets: Sequence[str]) -> None:
    """Asks for books and trades."""
    await wire.send({"want": list(markets)})


async def renew(wire: Wire, markets: Sequence[str], _: Mapping[str, int]) -> None:
    """Asks for books again."""
    await subscribe(wire, markets)


async def change(wire: Wire, added: Sequence[str], dropped: Sequence[str], _: Mapping[str, int]) -> None:
    """Subscribes to added markets and unsubscribes from dropped ones."""
    await wire.send({"want": list(added), "drop": list(dropped)})
