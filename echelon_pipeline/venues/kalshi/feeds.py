"""Kalshi's trades, candles and order books, live and historical.

Belongs here: the endpoints with filters by time or ticker (reference/kalshi 3.5 to 3.8). A candle is
labelled with its inclusive end; the venue serves those that end in [start, end], both ends included.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from echelon_pipeline.venues.kalshi.answers import (
    at_most,
    candle_list,
    candle_lists,
    query,
    segment,
    windows,
)
from echelon_pipeline.venues.kalshi.reader import Reader
from echelon_pipeline.venues.page import Page

LIMIT = 1000  # rows per page of trades and of markets
TICKERS = 100  # per batch of books or candles
CANDLES = 10_000  # per answer, all markets together


class Feeds(Reader):
    """Trades, candles, books. Every method is an async generator of pages."""

    # --- trades
    def trades(
        self,
        *,
        ticker: str | None = None,
        min_ts: datetime | None = None,
        max_ts: datetime | None = None,
        is_block_trade: bool | None = None,
    ) -> AsyncIterator[Page]:
        """Trades of the live tier, newest first, of one ticker or of the whole exchange."""
        params = query(ticker=ticker, min_ts=min_ts, max_ts=max_ts, is_block_trade=is_block_trade, limit=LIMIT)
        return self._pages("trades", "/markets/trades", params, "trades", "trade_id")

    def historical_trades(
        self,
        *,
        ticker: str | None = None,
        min_ts: datetime | None = None,
        max_ts: datetime | None = None,
        is_block_trade: bool | None = None,
    ) -> AsyncIterator[Page]:
        """Trades before the cutoff, same shape as the live tier's."""
        params = query(ticker=ticker, min_ts=min_ts, max_ts=max_ts, is_block_trade=is_block_trade, limit=LIMIT)
        return self._pages("trades", "/historical/trades", params, "trades", "trade_id")

    # --- candles
    async def historical_candlesticks(
        self, ticker: str, start: datetime, end: datetime, period: int
    ) -> AsyncIterator[Page]:
        """Candles of one archived market; ``period`` in minutes: 1, 60 or 1440 (Eastern-time days). Their keys look
        like the old cents' and hold dollars: tier historical."""
        path = f"/historical/markets/{segment(ticker)}/candlesticks"
        for number, (begin, until) in enumerate(windows(start, end, (CANDLES - 2) * period * 60)):
            params = query(start_ts=begin, end_ts=until, period_interval=period)
            read = candle_list(path, ticker, period, (begin, until))
            yield await self._ask("candlesticks", path, params, read, number=number)

    async def candlesticks_batch(
        self,
        tickers: Sequence[str],
        start: datetime,
        end: datetime,
        period: int,
        *,
        include_latest_before_start: bool = False,
    ) -> AsyncIterator[Page]:
        """Candles of 1 to 100 markets of the live tier, one object per market, the span cut so that no answer
        can reach the venue's 10,000 candles. Markets without candles may be missing from the answer."""
        at_most("/markets/candlesticks market_tickers", tickers, TICKERS)
        # Both ends are served, and one more candle may be projected from before the start.
        step = (CANDLES // len(tickers) - 2) * period * 60
        for number, (begin, until) in enumerate(windows(start, end, step)):
            params = query(
                market_tickers=tickers,
                start_ts=begin,
                end_ts=until,
                period_interval=period,
                include_latest_before_start=include_latest_before_start or None,
            )
            read = candle_lists("/markets/candlesticks", period, (begin, until))
            yield await self._ask("candlesticks", "/markets/candlesticks", params, read, number=number)

    # --- books
    async def orderbooks(self, tickers: Sequence[str]) -> bytes:
        """Books of 1 to 100 markets as served, bids of both sides (the ask of yes is 1 - the bid of no). Signed where
        the venue answers 401 and a key is configured."""
        at_most("/markets/orderbooks tickers", tickers, TICKERS)
        return await self._book("orderbooks", "/markets/orderbooks", [("tickers", ticker) for ticker in tickers])
