"""Decodes all fields of Kalshi's ticker: best prices, last trade's price, volume and open interest.

Belongs here: a pure function of a frame's bytes, for tables of quotes. Books need none of it, so ``stream.py``, which
reads every frame of a live stream, leaves it out.
"""

from __future__ import annotations

import msgspec

from echelon_pipeline.books.events import Message, Quoted, Unreadable
from echelon_pipeline.venues.frames import UNREADABLE, reason, share, size
from echelon_pipeline.venues.kalshi import stream


class _Figures(msgspec.Struct):
    price_dollars: str | None = None
    volume_fp: str | None = None
    open_interest_fp: str | None = None


class _Ticker(msgspec.Struct):
    msg: _Figures


_TICKER = msgspec.json.Decoder(_Ticker).decode


def read(payload: bytes) -> Message:
    """As ``stream.read``, with all fields of a quote; a quote with an unreadable field is dropped."""
    message = stream.read(payload)
    if not (message.events and isinstance(quote := message.events[0], Quoted)):
        return message
    try:
        ticker = _TICKER(payload).msg
        last = share(ticker.price_dollars) if ticker.price_dollars else 0
        volume, interest = (None if n is None else size(n) for n in (ticker.volume_fp, ticker.open_interest_fp))
    except UNREADABLE as error:
        return Message((Unreadable(payload, reason(error), affects_book=False),), message.sid, message.seq)
    # 0: it never traded.
    whole = msgspec.structs.replace(quote, last=last or None, volume=volume, open_interest=interest)
    return Message((whole,), message.sid, message.seq)
