"""Messages of Polymarket's market channel from rows of a generated universe.

Belongs here: event objects with their hashes (reference: Polymarket 2.4, 5.3). ``session.py`` selects the recipients.
Both tokens of a market mirror each other, so every change is sent for both. The venue's best prices of an empty side
are not known: here they are 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from echelon_pipeline.sandbox.polymarket.builders import side_of
from echelon_pipeline.sandbox.polymarket.clob_views import ClobViews
from echelon_pipeline.sandbox.polymarket.gamma_views import GammaViews
from echelon_pipeline.sandbox.server.wire import plain
from echelon_pipeline.sandbox.universe.books import BID, Book, Change, Levels
from echelon_pipeline.sandbox.universe.names import MARKET_ID
from echelon_pipeline.sandbox.universe.paths import ONE
from echelon_pipeline.sandbox.universe.wording import event_title

Obj = dict[str, Any]
BOTH = (0, 1)


class PolymarketFrames:
    """Messages by row and time (Unix microseconds)."""

    def __init__(self, views: ClobViews) -> None:
        self.views, self.names, self.venue = views, views.names, views.venue
        self._gamma = GammaViews(views.state)

    def book(self, i: int, outcome: int, book: Book, us: int, touched: int, *, after_trade: bool = False) -> Obj:
        """A book message: without minimum size and negative risk; after trades some lack tick and last price too."""
        body = self.views.frame(i, outcome, book, self.views.last_price(i, us), touched)
        del body["min_order_size"], body["neg_risk"]
        body["event_type"] = "book"
        if after_trade and self.venue.bits(i, 21) % 2:
            del body["tick_size"], body["last_trade_price"]
        return body

    def price_changes(self, i: int, old: Book, changes: list[Change], tick: int, us: int) -> Iterator[Obj]:
        """One or more messages. If a message changes a token twice, its hashes are those of each step or those of the
        end, depending on the instrument: the venue's rule is not known. A trade of the same time comes after them."""
        hash_rule, last = self.venue.bits(i, 22) % 3, self.views.last_price(i, us - 1)
        states = list(_states(old, changes, tick))
        entries: list[Obj] = []
        for change, state in zip(changes, states, strict=True):
            entries += self._entries(i, change, states[-1] if hash_rule == 0 else state, last, us)
            if hash_rule == 2:
                yield self._message(i, entries, us)
                entries = []
        if entries:
            yield self._message(i, entries, us)

    def _message(self, i: int, entries: list[Obj], us: int) -> Obj:
        return {
            "market": self.names.condition(i),
            "price_changes": entries,
            "timestamp": str(us // 1000),
            "event_type": "price_change",
        }

    def _entries(self, i: int, change: Change, state: Book, last: str, us: int) -> list[Obj]:
        """A level's new size, for both tokens."""
        entries = []
        for outcome in BOTH:
            body = self.views.frame(i, outcome, state, last, us)
            bid, ask = (body[side][-1]["price"] if body[side] else "" for side in ("bids", "asks"))
            entries.append(
                {
                    "asset_id": body["asset_id"],
                    "price": plain(change.price if outcome == 0 else ONE - change.price, 4),
                    "size": plain(change.after, 6),
                    "side": "BUY" if (change.side == BID) == (outcome == 0) else "SELL",
                    "hash": body["hash"],
                    "best_bid": bid or "0",
                    "best_ask": ask or "1",
                }
            )
        return entries

    def best(self, i: int, outcome: int, book: Book, us: int) -> Obj:
        bid, ask = book.best if outcome == 0 else (ONE - book.best[1], ONE - book.best[0])
        return self._asset(i, outcome) | {
            "best_bid": plain(bid, 4) if bid else "",
            "best_ask": plain(ask, 4) if ask < ONE else "",
            "spread": plain(ask - bid, 4),
            "timestamp": str(us // 1000),
            "event_type": "best_bid_ask",
        }

    def tick(self, i: int, outcome: int, old: int, new: int, us: int) -> Obj:
        return self._asset(i, outcome) | {
            "old_tick_size": plain(old, 4),
            "new_tick_size": plain(new, 4),
            "timestamp": str(us // 1000),
            "event_type": "tick_size_change",
        }

    def trade(self, number: int) -> tuple[int, Obj]:
        """The traded outcome and its last_trade_price message."""
        table = self.venue.trades
        i, us = table.inst[number], table.t[number]
        outcome, buys = side_of(table.key[number])
        price = table.price[number]
        body = self._asset(i, outcome) | {
            "price": plain(price if outcome == 0 else ONE - price, 4),
            "size": plain(table.size[number], 6),
            "fee_rate_bps": "" if table.key[number] // 2**12 % 8 == 0 else "0",
            "side": "BUY" if buys else "SELL",
            "timestamp": str(us // 1000),
            "event_type": "last_trade_price",
            "transaction_hash": f"0x{self.views.state.universe.digests.hex('tx', table.tx[number])}",
        }
        return outcome, body

    def _asset(self, i: int, outcome: int) -> Obj:
        return {"market": self.names.condition(i), "asset_id": self.names.token(i, outcome)}

    def tokens(self, i: int) -> list[str]:
        return [self.names.token(i, n) for n, _ in enumerate(self.names.outcomes(i))]

    def new_market(self, i: int, us: int) -> Obj:
        market = self.views.market(i, us // 1_000_000)
        event, fees = self.venue.event_of(i), self._gamma.fees(i).get("feeSchedule")
        slug = self.names.events[self.venue.columns["event"][i]]
        body: Obj = {
            "id": str(MARKET_ID + i),
            "question": market["question"],
            "market": market["condition_id"],
            "slug": market["market_slug"],
            "description": market["description"],
            "assets_ids": self.tokens(i),
            "outcomes": list(self.names.outcomes(i)),
            "event_message": {
                "id": str(self.venue.columns["event"][i]),
                "ticker": slug,
                "slug": slug,
                "title": event_title(event.topic, "polymarket"),
                "description": "",
            },
            "timestamp": str(us // 1000),
            "event_type": "new_market",
            "tags": market["tags"],
            "condition_id": market["condition_id"],
            "active": False,
            "clob_token_ids": self.tokens(i),
            "sports_market_type": "moneyline" if event.topic.family.style == "game" else "",
            "line": "",
            "game_start_time": (market["game_start_time"] or "").replace("T", " ").replace("Z", "+00"),
            "order_price_min_tick_size": plain(self.views.state.books.tick(i, us), 4),
            "group_item_title": self.names.market_text(i).item,
            "taker_base_fee": "1000",
            "fees_enabled": fees is not None,
        }
        if fees is not None:
            body["fee_schedule"] = {
                "exponent": str(fees["exponent"]),
                "rate": str(fees["rate"]),
                "taker_only": fees["takerOnly"],
                "rebate_rate": str(fees["rebateRate"]),
            }
        return body

    def resolved(self, i: int, us: int) -> Obj:
        """A market_resolved message; without a single winner the winner is null (our reading)."""
        final = self.venue.columns["final"][i]
        winner = {ONE: 0, 0: 1}.get(final)
        return {
            "id": str(MARKET_ID + i),
            "market": self.names.condition(i),
            "assets_ids": self.tokens(i),
            "winning_asset_id": None if winner is None else self.names.token(i, winner),
            "winning_outcome": None if winner is None else self.names.outcomes(i)[winner],
            "timestamp": str(us // 1000),
            "event_type": "market_resolved",
            "tags": [],
        }


def _states(old: Book, changes: list[Change], tick: int) -> Iterator[Book]:
    """The book after every change."""
    bids, asks = dict(old.bids), dict(old.asks)
    for change in changes:
        side = bids if change.side == BID else asks
        if change.after:
            side[change.price] = change.after
        else:
            side.pop(change.price)
        yield Book(_ordered(bids, falling=True), _ordered(asks, falling=False), tick)


def _ordered(levels: dict[int, int], *, falling: bool) -> Levels:
    return tuple(sorted(levels.items(), reverse=falling))
