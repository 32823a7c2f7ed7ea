"""Polymarket's order-book hash: SHA-1 over a ten-key JSON of a token's whole ladder.

Belongs here: the bytes that are hashed. ``verify.py`` handles mismatches. Prices and sizes are served without
trailing zeros (all 35,130 levels of the recorded REST books), so millionths reproduce the text that was hashed.
"""

from __future__ import annotations

import json
from hashlib import sha1

from echelon_pipeline.books.events import Facts, Level, Side
from echelon_pipeline.books.ladder import Ladder, mirrored
from echelon_pipeline.domain.scaled import decimal_text


def _levels(levels: list[Level]) -> str:
    return ",".join([f'{{"price":"{decimal_text(price)}","size":"{decimal_text(size)}"}}' for price, size in levels])


def hash_input(ladder: Ladder, outcome: int, token: str, at: int, facts: Facts) -> tuple[str, str] | None:
    """The text before and after the last trade's price; None if a fact is missing.

    The price is left out because it may arrive up to 90 ms after the book: the text is kept for a recheck.
    """
    if None in (facts.market, facts.min_order_size, facts.tick_size, facts.neg_risk):
        return None
    # Best last on both sides, as served. The other outcome's ladder is stored mirrored: mirror it back.
    bids, asks = (list(reversed(ladder.top(side))) for side in Side)
    if outcome:
        bids, asks = ([(mirrored(Side.BID, p)[1], s) for p, s in side] for side in (asks, bids))
    texts = (facts.market, token, facts.min_order_size, facts.tick_size)
    market, asset, min_size, tick = (json.dumps(text, ensure_ascii=False) for text in texts)
    head = f'{{"market":{market},"asset_id":{asset},"timestamp":"{at // 1000}","hash":"",'
    body = f'"bids":[{_levels(bids)}],"asks":[{_levels(asks)}],"min_order_size":{min_size},"tick_size":{tick},'
    return f'{head}{body}"neg_risk":{json.dumps(facts.neg_risk)},"last_trade_price":', "}"


def book_hash(text: tuple[str, str], last_trade_price: str | None) -> str:
    """The hash of a text of ``hash_input`` with the last trade's price."""
    price = json.dumps(last_trade_price or "", ensure_ascii=False)
    # A market's id, like any JSON text, may contain half a surrogate pair: it must not raise.
    data = f"{text[0]}{price}{text[1]}".encode(errors="surrogatepass")
    return sha1(data, usedforsecurity=False).hexdigest()
