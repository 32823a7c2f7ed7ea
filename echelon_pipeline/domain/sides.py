"""Sides of an order book as recorders write them.

Belongs here: words, and what each says of a level on the axis of its ladder.
"""

from __future__ import annotations

from typing import NamedTuple


class Sided(NamedTuple):
    """``is_bid``: whether the level is on the bid side; ``is_mirrored``: its price is the other outcome's."""

    is_bid: bool
    is_mirrored: bool = False


_WORDS: dict[str, Sided] = {
    **dict.fromkeys(("bid", "bids", "buy", "buys", "b"), Sided(is_bid=True)),
    **dict.fromkeys(("ask", "asks", "sell", "sells", "offer", "offers", "a", "s"), Sided(is_bid=False)),
    # Kalshi's: bids for yes at P, and bids for no at P, which are asks for yes at 1 - P.
    "yes": Sided(is_bid=True),
    "no": Sided(is_bid=False, is_mirrored=True),
}


def sided(word: str) -> Sided | None:
    """What a word says, in any case; None for a word that is none of a side."""
    return _WORDS.get(word.strip().lower())
