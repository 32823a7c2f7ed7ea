"""Words of recorders for sides of an order book.

Belongs here: the words, and their meaning for a level of a ladder.
"""

from __future__ import annotations

from typing import NamedTuple


class BookSide(NamedTuple):
    """``is_bid``: the level is on the bid side; ``is_mirrored``: its price is of the other outcome."""

    is_bid: bool
    is_mirrored: bool = False


_WORDS: dict[str, BookSide] = {
    **dict.fromkeys(("bid", "bids", "buy", "buys", "b"), BookSide(is_bid=True)),
    **dict.fromkeys(("ask", "asks", "sell", "sells", "offer", "offers", "a", "s"), BookSide(is_bid=False)),
    # Kalshi: bids for yes at P, and bids for no at P, which are asks for yes at 1 - P.
    "yes": BookSide(is_bid=True),
    "no": BookSide(is_bid=False, is_mirrored=True),
}


def book_side(word: str) -> BookSide | None:
    """The side of a word, in any case; None if it is not a side."""
    return _WORDS.get(word.strip().lower())
