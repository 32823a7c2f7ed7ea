"""Kalshi's objects from rows of a generated universe.

Belongs here: events, markets, books, trades as Kalshi serves them (reference: Kalshi REST,
sections 3 and 4). Prices inside are integers of 1e-4 dollars, sizes of 1e-6 contracts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from echelon_pipeline.sandbox.server.wire import contracts, dollars, iso, iso_us
from echelon_pipeline.sandbox.universe.books import Book, Books, Levels
from echelon_pipeline.sandbox.universe.catalog import COMBO_SERIES, DAY
from echelon_pipeline.sandbox.universe.markets import MarketText
from echelon_pipeline.sandbox.universe.names import KalshiNames
from echelon_pipeline.sandbox.universe.paths import ONE
from echelon_pipeline.sandbox.universe.trades import is_block
from echelon_pipeline.sandbox.universe.universe import Event, Universe
from echelon_pipeline.sandbox.universe.wording import event_title, short_date

Obj = dict[str, Any]
ZERO_TIME = "0001-01-01T00:00:00Z"
_STRUCTURE = {100: "linear_cent", 10: "deci_cent"}


class KalshiViews:
    """Objects at a time (Unix seconds). ``seen``: number of trades visible at that time."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self.venue = universe.kalshi
        self.names = KalshiNames(universe)
        self.books = Books(universe.kalshi, has_only_asks=self.has_only_asks, base_ms=universe.options.book_ms)
        self.market_ticker = lru_cache(maxsize=200_000)(self.names.market)

    # --- events

    def event(self, number: int) -> Obj:
        event = self.venue.events[number]
        family = event.topic.family
        exclusive = family.style in ("field", "range", "game") and not event.legs
        body: Obj = {
            "event_ticker": self.names.events[number],
            "series_ticker": self.names.series(event),
            "title": self._combo_title(event) if event.legs else event_title(event.topic, "kalshi"),
            "sub_title": f"On {short_date(event.topic.closes)}",
            "collateral_return_type": "MECNET" if exclusive else "",
            "mutually_exclusive": exclusive,
            "category": "Exotics" if event.legs else family.category,
            "strike_period": "",
            "available_on_brokers": False,
            "settlement_sources": [{"name": "Official source", "url": "https://example.com/source"}],
            "last_updated_ts": ZERO_TIME if event.topic.key % 3 else iso(event.created),
            "exchange_index": 1 if event.legs else 2 if family.category == "Crypto" else 0,
        }
        if family.aligned < DAY:
            body["strike_date"] = iso(event.topic.closes)
        if family.category == "Sports":
            body["product_metadata"] = {"competition": event.topic.about, "competition_scope": "Games"}
        return body

    def _combo_title(self, event: Event) -> str:
        return ",".join(f"{'no' if side else 'yes'} {self.names.market_text(leg).label}" for leg, side in event.legs)

    # --- markets

    def status(self, i: int, now: int) -> str:
        c, us = self.venue.columns, now * 1_000_000
        determined, settled = self.books.settles(i)
        if now < c["opens"][i]:
            return "initialized"
        if us < self.books.closes(i):
            return "inactive" if self.venue.is_paused(i) else "active"
        if us < determined:
            return "closed"
        if us < settled:
            long = settled - determined > DAY * 1_000_000
            return ("disputed", "amended")[self.venue.bits(i, 4) % 2] if long else "determined"
        return "finalized"

    def quote(self, i: int, at: int) -> tuple[int, int]:
        """Best yes bid and ask; (0, ONE) for empty sides."""
        return self.books.quote(i, at * 1_000_000)

    def has_only_asks(self, i: int) -> bool:
        """Whether a combo has no bids: two of three. At the venue nearly all have none, too many for a comparison."""
        return bool(self.venue.event_of(i).legs) and self.venue.bits(i, 7) % 3 > 0

    def market(self, i: int, now: int, seen: int, seen_day: int) -> Obj:
        c = self.venue.columns
        event, market_text = self.venue.event_of(i), self.names.market_text(i)
        status = self.status(i, now)
        bid, ask = self.quote(i, now)
        before = self.quote(i, now - DAY)
        _, size, _ = self.venue.trades.totals(i, seen)
        _, size_day, _ = self.venue.trades.totals(i, seen_day)
        tick, sizes = self.books.tick(i, now * 1_000_000), self.books.top_sizes(i, now * 1_000_000)
        update = iso(c["closes"][i])
        known = now >= c["determined"][i]
        label = self._combo_title(event) if event.legs else market_text.label
        body: Obj = {
            "ticker": self.market_ticker(i),
            "event_ticker": self.names.events[c["event"][i]],
            "market_type": "binary",
            "title": label if event.legs else self.names.title(i),
            "yes_sub_title": label,
            "no_sub_title": label,
            "created_time": ZERO_TIME
            if self.venue.bits(i, 5) % 100 == 1
            else iso_us(c["created"][i] * 10**6 + i % 10**6),
            "updated_time": iso_us(self.updated(i, now) * 10**6),
            "open_time": iso(c["opens"][i]),
            "close_time": update,
            "expected_expiration_time": update,
            "expiration_time": iso(c["closes"][i] + 7 * DAY),
            "latest_expiration_time": iso(c["closes"][i] + 7 * DAY),
            "settlement_timer_seconds": c["settled"][i] - c["determined"][i],
            "status": status,
            "yes_bid_dollars": dollars(bid),
            "yes_bid_size_fp": contracts(sizes[0]),
            "yes_ask_dollars": dollars(ask),
            "yes_ask_size_fp": contracts(sizes[1]),
            "no_bid_dollars": dollars(ONE - ask),
            "no_ask_dollars": dollars(ONE - bid),
            "last_price_dollars": dollars(self.venue.trades.last_price(i, seen) or 0),
            "previous_yes_bid_dollars": dollars(before[0]),
            "previous_yes_ask_dollars": dollars(before[1]),
            "previous_price_dollars": dollars(self.venue.trades.last_price(i, seen_day) or 0),
            "volume_fp": contracts(size),
            "volume_24h_fp": contracts(size - size_day),
            "open_interest_fp": contracts(open_interest(size)),
            "notional_value_dollars": "1.0000",
            "result": self.result(i) if known else "",
            "can_close_early": True,
            "expiration_value": (market_text.label if known else ""),
            "rules_primary": f"If {label} holds, then the market resolves to Yes.",
            "rules_secondary": "",
            "price_level_structure": _STRUCTURE[tick],
            "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": dollars(tick)}],
            "exchange_index": 1 if event.legs else 2 if event.topic.family.category == "Crypto" else 0,
        }
        if known:
            body["settlement_value_dollars"] = dollars(c["final"][i])
        if now >= c["settled"][i]:
            body["settlement_ts"] = iso(c["settled"][i])
        return body | (self._legs(event, now) if event.legs else _strikes(market_text))

    def updated(self, i: int, now: int) -> int:
        """Time of the last change of the metadata: the latest status transition; trades do not count."""
        c = self.venue.columns
        return max(c[name][i] for name in ("created", "opens", "closes", "determined", "settled") if c[name][i] <= now)

    def result(self, i: int) -> str:
        return {0: "no", ONE: "yes"}.get(self.venue.columns["final"][i], "scalar")

    def _legs(self, event: Event, now: int) -> Obj:
        c = self.venue.columns
        legs = []
        for leg, side in event.legs:
            body = {
                "event_ticker": self.names.events[c["event"][leg]],
                "market_ticker": self.market_ticker(leg),
                "side": "no" if side else "yes",
            }
            if now >= c["settled"][leg]:
                body["yes_settlement_value_dollars"] = dollars(c["final"][leg])
            legs.append(body)
        return {
            "strike_type": "custom",
            "custom_strike": {
                "Associated Events": ",".join(leg["event_ticker"] for leg in legs),
                "Associated Markets": ",".join(leg["market_ticker"] for leg in legs),
                "Associated Market Sides": ",".join(leg["side"] for leg in legs),
            },
            "is_provisional": True,
            "mve_collection_ticker": COMBO_SERIES[event.combo][2],
            "mve_selected_legs": legs,
        }

    # --- books and trades

    def book(self, i: int, us: int, depth: int = 0) -> Obj:
        """Bids of both sides, ascending."""
        yes, no = sides(self.books.at(i, us))
        return {"yes_dollars": _levels(yes, depth), "no_dollars": _levels(no, depth)}

    def trades(self, rows: list[int]) -> list[Obj]:
        """Trades by number, in the order given."""
        table, ticker, uuid = self.venue.trades, self.market_ticker, self.universe.digests.uuid
        objects = []
        for n in rows:
            price, key = table.price[n], table.key[n]
            side = "no" if key & 1 else "yes"
            objects.append(
                {
                    "trade_id": uuid("trade", n),
                    "ticker": ticker(table.inst[n]),
                    "count_fp": contracts(table.size[n]),
                    "yes_price_dollars": dollars(price),
                    "no_price_dollars": dollars(ONE - price),
                    "taker_side": side,
                    "taker_outcome_side": side,
                    "taker_book_side": "ask" if key & 1 else "bid",
                    "created_time": iso_us(table.t[n]),
                    "is_block_trade": is_block(key),
                }
            )
        return objects


def sides(book: Book) -> tuple[Levels, Levels]:
    """Bids for yes and bids for no, best first: an ask of yes is a bid for no."""
    return book.bids, tuple((ONE - price, size) for price, size in book.asks)


def _levels(best_first: Levels, depth: int) -> list[list[str]]:
    """The ``depth`` best levels (0: all), ascending."""
    return [[dollars(p), contracts(s)] for p, s in reversed(best_first[: depth or None])]


def open_interest(size: int) -> int:
    """Open interest: six tenths of the traded contracts."""
    return size * 6 // 10 // 10_000 * 10_000


def _strikes(market_text: MarketText) -> Obj:
    body: Obj = {"strike_type": market_text.strike_type}
    if market_text.floor is not None:
        body["floor_strike"] = market_text.floor
    if market_text.cap is not None:
        body["cap_strike"] = market_text.cap
    if market_text.strike_type in ("custom", "structured"):
        body["custom_strike"] = {"Outcome": market_text.label}
    return body
