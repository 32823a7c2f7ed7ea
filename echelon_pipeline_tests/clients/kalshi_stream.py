"""pykalshi follows books of a sandbox over its WebSocket and compares them with the true books.

Belongs here: calls of ``pykalshi``, and requests for the true books. A log line from WARNING up is an error.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections import Counter
from decimal import Decimal
from typing import Any

import httpx


class Follower:
    """Books kept by the client's own manager; a book is complete when a frame of a later time comes."""

    def __init__(self, tickers: list[str]) -> None:
        from pykalshi.orderbook import OrderbookManager  # type: ignore[import-not-found]

        self.books = {ticker: OrderbookManager(ticker) for ticker in tickers}
        self.times: dict[str, int] = {}
        self.complete: dict[str, tuple[int, dict[str, str], dict[str, str]]] = {}
        self.counts: Counter[str] = Counter()
        self.done = threading.Event()

    def take(self, message: Any) -> None:
        kind = type(message).__name__
        self.counts[kind] += 1
        if kind == "OrderbookSnapshotMessage":
            self.books[message.market_ticker].apply_snapshot(message.yes_dollars, message.no_dollars)
        elif kind == "OrderbookDeltaMessage":
            ticker, book = message.market_ticker, self.books[message.market_ticker]
            if self.times.get(ticker, message.ts_ms) != message.ts_ms:
                self.complete[ticker] = (self.times[ticker], dict(book.yes), dict(book.no))
            self.times[ticker] = message.ts_ms
            book.apply_delta(message.side, message.price_dollars, message.delta_fp)
        if self.counts.total() > 1_500 and len(self.complete) > 5:
            self.done.set()


def main(base_url: str) -> dict[str, Any]:
    """Counts of received events, and the number of correct books."""
    from pykalshi import KalshiClient, MarketStatus  # type: ignore[import-not-found]

    complaints: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    client = KalshiClient(
        api_key_id=os.environ["KALSHI_API_KEY"],
        private_key_path=os.environ["KALSHI_PRIVATE_KEY_PATH"],
        api_base=f"{base_url}/trade-api/v2",
    )
    with client:
        markets = client.get_markets(status=MarketStatus.OPEN, limit=100, fetch_all=True, mve_filter="exclude")
        tickers = [m.ticker for m in markets][:40]
        follower = Follower(tickers)
        feed = client.feed()
        feed._ws_url = os.environ["KALSHI_WS_URL"]
        for channel in ("orderbook_delta", "ticker", "trade", "market_lifecycle"):
            feed.on(channel, follower.take)
        feed.subscribe("orderbook_delta", market_tickers=tickers)
        feed.subscribe("ticker", market_tickers=tickers)
        feed.subscribe("trade")
        with feed:
            follower.done.wait(20)
    is_true = [_is_true(base_url, ticker, *state) for ticker, state in list(follower.complete.items())]
    return {"counts": follower.counts, "books": len(is_true), "true": sum(is_true), "complaints": complaints}


def _is_true(base_url: str, ticker: str, ms: int, yes: dict[str, str], no: dict[str, str]) -> bool:
    query = {"instrument": f"kalshi:{ticker}", "at_us": str(ms * 1000)}
    true = httpx.get(f"{base_url}/__sandbox__/book", params=query).raise_for_status().json()
    bids = {Decimal(p): Decimal(s) for p, s in yes.items()}
    asks = {1 - Decimal(p): Decimal(s) for p, s in no.items()}
    sides = ({Decimal(p): Decimal(s) for p, s in true[side]} for side in ("bids", "asks"))
    return (bids, asks) == tuple(sides)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))
