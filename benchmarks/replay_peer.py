"""One peer of ``replay_peers``, run by the Python of the peers' own environment: it imports nothing of ours.

Reads Polymarket frames, keeps books, takes the best 25 levels of each changed token every 100 ms of feed time; prints
a line of JSON: seconds of processor time, rows, best prices in thousandths.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

STEP, DEPTH = 100, 25


def nautilus(lines: list[bytes]) -> tuple[float, int, dict[str, list[str | None]]]:
    """Decoder and parser as its adapter calls them."""
    import msgspec
    from nautilus_trader.adapters.polymarket.common.symbol import get_polymarket_instrument_id  # type: ignore[import-not-found]
    from nautilus_trader.adapters.polymarket.schemas.book import PolymarketBookSnapshot, PolymarketQuotes  # type: ignore[import-not-found]
    from nautilus_trader.model.book import OrderBook  # type: ignore[import-not-found]
    from nautilus_trader.model.currencies import USDC  # type: ignore[import-not-found]
    from nautilus_trader.model.enums import AssetClass, BookType  # type: ignore[import-not-found]
    from nautilus_trader.model.instruments import BinaryOption  # type: ignore[import-not-found]
    from nautilus_trader.model.objects import Price, Quantity  # type: ignore[import-not-found]

    decode = msgspec.json.Decoder(PolymarketBookSnapshot | PolymarketQuotes).decode
    instruments: dict[str, Any] = {}
    for line in lines[:300]:
        message = json.loads(line)
        name = get_polymarket_instrument_id(message["market"], message["asset_id"])
        instruments[message["asset_id"]] = BinaryOption(
            name, name.symbol, AssetClass.ALTERNATIVE, USDC, 3, 2, Price.from_str("0.001"), Quantity.from_str("0.01"),
            0, 0, 0, 0,
        )  # fmt: skip
    books = {token: OrderBook(one.id, BookType.L2_MBP) for token, one in instruments.items()}
    dirty: set[str] = set()
    rows, grid, begun = 0, 0, time.process_time()
    for line in lines:
        message = decode(line)
        if isinstance(message, PolymarketBookSnapshot):
            instrument = instruments[message.asset_id]
            books[message.asset_id].apply_deltas(message.parse_to_snapshot(instrument, 0))
            changed = [message.asset_id]
        else:
            changed = _apply(message, instruments, books)
        dirty.update(changed)
        at = int(message.timestamp) // STEP
        if at > grid:
            for token in dirty:
                _ = books[token].bids()[:DEPTH], books[token].asks()[:DEPTH]
            rows, grid = rows + len(dirty), at
            dirty.clear()
    seconds = time.process_time() - begun
    best = {t: [_thousandths(b.best_bid_price()), _thousandths(b.best_ask_price())] for t, b in books.items()}
    return seconds, rows, best


def _apply(message: Any, instruments: dict[str, Any], books: dict[str, Any]) -> list[str]:
    """Changes of one frame by token: its parser takes the instrument of one."""
    tokens = []
    for change in message.price_changes:
        one = type(message)(message.market, [change], message.timestamp)
        deltas = one.parse_to_deltas(instruments[change.asset_id], 0)
        books[change.asset_id].apply_deltas(deltas)
        tokens.append(change.asset_id)
    return tokens


def cryptofeed(lines: list[bytes]) -> tuple[float, int, dict[str, list[str | None]]]:
    """Its order book and its JSON library; the rest is what its feeds do with other venues' frames."""
    from cryptofeed.types import OrderBook  # type: ignore[import-not-found]
    from yapic import json as yapic  # type: ignore[import-not-found]

    books: dict[str, Any] = {}
    dirty: set[str] = set()
    rows, grid, begun = 0, 0, time.process_time()
    for line in lines:
        message = yapic.loads(line, parse_float=Decimal)
        if message["event_type"] == "book":
            token = message["asset_id"]
            sides = [{Decimal(x["price"]): Decimal(x["size"]) for x in message[side]} for side in ("bids", "asks")]
            books[token] = OrderBook("POLYMARKET", token, bids=sides[0], asks=sides[1])
            dirty.add(token)
        else:
            for change in message["price_changes"]:
                book = books[change["asset_id"]].book
                side = book.bids if change["side"] == "BUY" else book.asks
                price, size = Decimal(change["price"]), Decimal(change["size"])
                if size:
                    side[price] = size
                elif price in side:
                    del side[price]
                dirty.add(change["asset_id"])
        at = int(message["timestamp"]) // STEP
        if at > grid:
            for token in dirty:
                book = books[token].book
                for side in (book.bids, book.asks):
                    _ = [side.index(n) for n in range(min(DEPTH, len(side)))]
            rows, grid = rows + len(dirty), at
            dirty.clear()
    seconds = time.process_time() - begun
    best: dict[str, list[str | None]] = {}
    for token, book in books.items():
        both = (book.book.bids, book.book.asks)
        best[token] = [_thousandths(side.index(0)[0]) if len(side) else None for side in both]
    return seconds, rows, best


def _thousandths(price: Any) -> str | None:
    return None if price is None else str(int(Decimal(str(price)) * 1000))


def main(name: str, path: str) -> None:
    told = (nautilus if name == "nautilus_trader" else cryptofeed)(Path(path).read_bytes().splitlines())
    print(json.dumps(dict(zip(("seconds", "rows", "best"), told, strict=True))))


# Not asked by its usual name: ``make bench`` runs what does, with our Python.
if len(sys.argv) == 3 and Path(sys.argv[0]).stem == "replay_peer":
    main(*sys.argv[1:])
