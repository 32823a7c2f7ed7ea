"""CLOB objects from rows of a generated universe.

Belongs here: books with their hash, market rows, compact rows, price histories (reference: Polymarket 2).
Internally, book prices are 1e-4 dollars of the requested token, sizes 1e-6 shares.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from echelon_pipeline.sandbox.polymarket.builders import side_of
from echelon_pipeline.sandbox.polymarket.gamma_views import GammaViews
from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.wire import iso, number, plain
from echelon_pipeline.sandbox.universe.books import Book, Levels
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.paths import ONE, bid_ask, mids
from echelon_pipeline.sandbox.universe.randomness import bits_at
from echelon_pipeline.sandbox.universe.trades import ticks

Obj = dict[str, Any]


def book_hash(book: Obj) -> str:
    """SHA-1 over the ten keys in the venue's order, ``hash`` empty (reference: Polymarket 2.4)."""
    keys = (
        "market",
        "asset_id",
        "timestamp",
        "hash",
        "bids",
        "asks",
        "min_order_size",
        "tick_size",
        "neg_risk",
        "last_trade_price",
    )
    return hashlib.sha1(msgspec.json.encode({k: book[k] for k in keys} | {"hash": ""})).hexdigest()  # noqa: S324


@lru_cache(maxsize=100_000)
def _level(price: int, size: int) -> dict[str, str]:
    """A level as served; cached, because most levels of a book do not change at a step."""
    return {"price": plain(price, 4), "size": plain(size, 6)}


def _mirror(levels: Levels) -> Levels:
    return tuple((ONE - price, size) for price, size in levels)


class ClobViews:
    """CLOB objects at a time (Unix seconds)."""

    def __init__(self, state: PolymarketState) -> None:
        self.state = state
        self.venue, self.names = state.venue, state.names
        names = state.names
        self._names_of = lru_cache(maxsize=20_000)(
            lambda i, n: (names.condition(i), names.token(i, n), names.neg_risk(i))
        )

    def book(self, i: int, outcome: int, now_us: int) -> Obj:
        """A token's book; ``timestamp``: time of its last change."""
        at_us = self.state.books.touched(i, now_us)
        return self.frame(i, outcome, self.state.books.at(i, now_us), self.last_price(i, now_us), at_us)

    def last_price(self, i: int, us: int) -> str:
        """Price of the last trade, of the traded token, the same text for both tokens; "" before the first trade."""
        table = self.venue.trades
        rows = table.of(i, 0, table.visible(us))
        if not len(rows):
            return ""
        price, (outcome, _) = table.price[rows[-1]], side_of(table.key[rows[-1]])
        price = price if outcome == 0 else ONE - price
        return f"{price // ONE}.{price % ONE // 10:03d}"

    def frame(self, i: int, outcome: int, book: Book, last: str, at_us: int) -> Obj:
        """A book of outcome 0 as the book of one of the two tokens, which mirror each other. Best levels come last."""
        bids, asks = (book.bids, book.asks) if outcome == 0 else (_mirror(book.asks), _mirror(book.bids))
        market, asset, neg_risk = self._names_of(i, outcome)
        body: Obj = {
            "market": market,
            "asset_id": asset,
            "timestamp": str(at_us // 1000),
            "hash": "",
            "bids": [_level(*level) for level in reversed(bids)],
            "asks": [_level(*level) for level in reversed(asks)],
            "min_order_size": "5",
            "tick_size": plain(book.tick, 4),
            "neg_risk": neg_risk,
            "last_trade_price": last,
        }
        return body | {"hash": book_hash(body)}

    def market(self, i: int, now: int) -> Obj:
        c, event = self.venue.columns, self.venue.event_of(i)
        names, state = self.names, self.state
        settled = state.settled(i, now)
        trading = state.trading(i, now)
        return {
            "enable_order_book": trading,
            "active": True,
            "closed": settled,
            "archived": False,
            "accepting_orders": trading,
            "accepting_order_timestamp": iso(c["created"][i]),
            "minimum_order_size": 5,
            "minimum_tick_size": number(state.tick(i, now), ONE),
            "condition_id": names.condition(i),
            "question_id": f"0x{names.question(i)}",
            "question": names.question_text(i),
            "description": "",
            "market_slug": names.slug(i),
            "end_date_iso": iso(event.topic.closes // DAY * DAY),
            "game_start_time": iso(event.topic.closes - 3 * 3600) if event.topic.family.style == "game" else None,
            "seconds_delay": 3 if event.topic.family.style == "game" else 0,
            "fpmm": "",
            "maker_base_fee": 0,
            "taker_base_fee": 0,
            "notifications_enabled": True,
            "neg_risk": names.neg_risk(i),
            "neg_risk_market_id": f"0x{names.group(i)}" if names.neg_risk(i) else "",
            "neg_risk_request_id": "",
            "icon": "",
            "image": "",
            "rewards": {"rates": None, "min_size": 0, "max_spread": 0},
            "is_50_50_outcome": settled and c["final"][i] == ONE // 2,
            "tokens": self._tokens(i, now, settled=settled),
            "tags": list(event.topic.family.poly_tags),
        }

    def _tokens(self, i: int, now: int, *, settled: bool) -> list[Obj]:
        middle, final = self.state.middle(i, now), self.venue.columns["final"][i]
        prices = (middle, ONE * 10 - middle, 0)
        wins = (final == ONE, final == 0, False)
        return [
            {
                "token_id": self.names.token(i, n),
                "outcome": label,
                "price": number(prices[n], ONE * 10),
                "winner": settled and wins[n],
            }
            for n, label in enumerate(self.names.outcomes(i))
        ]

    def simplified(self, i: int, now: int) -> Obj:
        full = self.market(i, now)
        return {
            k: full[k]
            for k in ("condition_id", "rewards", "tokens", "active", "closed", "archived", "accepting_orders")
        }

    def compact(self, i: int, now: int) -> Obj:
        fees = GammaViews(self.state).fees(i)
        body: Obj = {
            "c": self.names.condition(i),
            "t": [{"t": self.names.token(i, n), "o": label} for n, label in enumerate(self.names.outcomes(i))],
            "mos": 5,
            "mts": number(self.state.tick(i, now), ONE),
            "mbf": 1000,
            "tbf": 1000,
            "ao": self.state.trading(i, now),
            "aot": iso(self.venue.columns["created"][i]),
            "r": {"mi": 100, "ma": 3.5, "moas": 4},
            "cbos": True,
            "ibce": True,
            "v": self.names.version(i),
        }
        if "feeSchedule" in fees:
            schedule = fees["feeSchedule"]
            body["fd"] = {"r": schedule["rate"], "e": schedule["exponent"], "to": schedule["takerOnly"]}
        return body | ({"nr": True} if self.names.neg_risk(i) else {})

    def history(self, i: int, outcome: int, start: int, end: int, step: int, now: int) -> list[tuple[int, int]]:
        """Points (Unix second, 1e-5 dollars): the midpoint every ``step`` seconds within the trading time."""
        c = self.venue.columns
        first, last = max(start, c["opens"][i]), min(end, now, c["closes"][i] - 1)
        if last < first or not self.state.has_book(i):
            return []
        at = np.arange(-(-first // step) * step, last + 1, step)
        at = at + bits_at(at * 0 + self.venue.grid(i), at // 60) % min(step // 4 + 1, 12)
        at = at[at <= last]
        if not len(at):
            return []
        grid = self.venue.grid(i)
        bid, ask = bid_ask(mids(self.venue.shape(i), at // 60), np.array(ticks(grid)), np.array(1 + grid // 8 % 4))
        middle = (bid + ask) * 5
        return list(zip(at.tolist(), (middle if outcome == 0 else ONE * 10 - middle).tolist(), strict=True))
