"""Messages of Kalshi's WebSocket from rows of a generated universe.

Belongs here: the ``msg`` of every data frame (reference: Kalshi 7). Envelopes, sids and sequence numbers belong in
``session.py``.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from echelon_pipeline.sandbox.kalshi.views import KalshiViews, open_interest, sides
from echelon_pipeline.sandbox.server.wire import contracts, dollars, iso_us
from echelon_pipeline.sandbox.universe.books import BID, Change
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.paths import ONE

Obj = dict[str, Any]
SECOND_US = 1_000_000
_TEXTS = ("title", "yes_sub_title", "no_sub_title", "rules_primary", "rules_secondary", "can_close_early")
_STRIKES = ("strike_type", "floor_strike", "cap_strike", "custom_strike")


class KalshiFrames:
    """Messages by row and time (Unix microseconds)."""

    def __init__(self, views: KalshiViews) -> None:
        self.views, self.venue = views, views.venue
        self.market_id = lru_cache(maxsize=20_000)(lambda i: views.universe.digests.uuid("kalshi market", i))

    def _market(self, i: int) -> Obj:
        return {"market_ticker": self.views.market_ticker(i), "market_id": self.market_id(i)}

    def snapshot(self, i: int, us: int, *, in_yes_prices: bool) -> Obj:
        """A snapshot; the key of an empty side is missing."""
        yes, no = sides(self.views.books.at(i, us))
        if in_yes_prices:
            no = tuple((ONE - p, s) for p, s in no)
        levels = {"yes_dollars_fp": sorted(yes), "no_dollars_fp": sorted(no)}
        return self._market(i) | {k: [[dollars(p), contracts(s)] for p, s in v] for k, v in levels.items() if v}

    def delta(self, i: int, us: int, change: Change, *, in_yes_prices: bool) -> Obj:
        is_yes, size = change.side == BID, change.after - change.before
        price = change.price if is_yes or in_yes_prices else ONE - change.price
        return self._market(i) | {
            "price_dollars": dollars(price),
            "delta_fp": f"{'-' if size < 0 else ''}{contracts(abs(size))}",
            "side": "yes" if is_yes else "no",
            "ts": iso_us(us),
            "ts_ms": us // 1000,
        }

    def ticker(self, i: int, us: int) -> Obj:
        books, table = self.views.books, self.venue.trades
        bid, ask = books.quote(i, us)
        bid_size, ask_size = books.top_sizes(i, us)
        seen = table.visible(us)
        _, volume, _ = table.totals(i, seen)
        rows = table.of(i, 0, seen)
        last = rows[-1] if len(rows) else None
        interest = open_interest(volume)
        return self._market(i) | {
            "price_dollars": dollars(0 if last is None else table.price[last]),
            "yes_bid_dollars": dollars(bid),
            "yes_ask_dollars": dollars(ask),
            "yes_bid_size_fp": contracts(bid_size),
            "yes_ask_size_fp": contracts(ask_size),
            "last_trade_size_fp": contracts(0 if last is None else table.size[last]),
            "volume_fp": contracts(volume),
            "open_interest_fp": contracts(interest),
            "dollar_volume": volume // 2_000_000,  # recorded: half a dollar a contract
            "dollar_open_interest": interest // 2_000_000,
            "ts": us // SECOND_US,
            "ts_ms": us // 1000,
            "time": iso_us(us),
        }

    def trade(self, number: int) -> Obj:
        body = self.views.trades([number])[0]
        us = self.venue.trades.t[number]
        del body["created_time"]
        return (
            {"trade_id": body.pop("trade_id"), "market_ticker": body.pop("ticker")}
            | body
            | {
                "ts": us // SECOND_US,
                "ts_ms": us // 1000,
            }
        )

    # --- lifecycle

    def created(self, i: int) -> Obj:
        c = self.venue.columns
        market = self._now(i, c["created"][i] * SECOND_US)
        return {
            "event_type": "created",
            "market_ticker": market["ticker"],
            "exchange_index": market["exchange_index"],
            "open_ts": c["opens"][i],
            "close_ts": c["closes"][i],
            "price_level_structure": market["price_level_structure"],
            "price_ranges": market["price_ranges"],
            "additional_metadata": {
                "name": market["yes_sub_title"],
                **{k: market[k] for k in _TEXTS},
                "event_ticker": market["event_ticker"],
                "expected_expiration_ts": int(datetime.fromisoformat(market["expected_expiration_time"]).timestamp()),
                **{k: market[k] for k in _STRIKES if k in market},
            },
        }

    def event_created(self, i: int) -> Obj:
        event = self.views.event(self.venue.columns["event"][i])
        body = {
            "event_ticker": event["event_ticker"],
            "series_ticker": event["series_ticker"],
            "title": event["title"],
            "subtitle": event["sub_title"],
            "collateral_return_type": event["collateral_return_type"],
            "exchange_index": event["exchange_index"],
        }
        if "strike_date" in event:
            body["strike_date"] = int(datetime.fromisoformat(event["strike_date"]).timestamp())
        return body

    def determined(self, i: int, us: int) -> Obj:
        return {
            "event_type": "determined",
            "market_ticker": self.views.market_ticker(i),
            "result": self.views.result(i),
            "settlement_value": dollars(self.venue.columns["final"][i]),
            "determination_ts": us // SECOND_US,
        }

    def settled(self, i: int, us: int) -> Obj:
        ticker = self.views.market_ticker(i)
        return {"event_type": "settled", "market_ticker": ticker, "settled_ts": us // SECOND_US}

    def refined(self, i: int, us: int) -> Obj:
        """The tick size became finer."""
        market = self._now(i, us)
        return {
            "event_type": "price_level_structure_updated",
            "market_ticker": market["ticker"],
            "price_level_structure": market["price_level_structure"],
            "price_ranges": market["price_ranges"],
        }

    def _now(self, i: int, us: int) -> Obj:
        """The market as in REST, at the next whole second."""
        seconds, table = -(-us // SECOND_US), self.venue.trades
        seen, day = table.visible(seconds * SECOND_US), table.visible((seconds - DAY) * SECOND_US)
        return self.views.market(i, seconds, seen, day)
