"""The Data API's objects from rows of a generated universe.

Belongs here: trades, tokens, resolutions with v2's names, and with v1's names (reference: Polymarket 4).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from echelon_pipeline.sandbox.polymarket.builders import side_of, wallet
from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.wire import number
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.names import EVENT_ID
from echelon_pipeline.sandbox.universe.paths import ONE

Obj = dict[str, Any]
CAMEL = {
    "proxy_wallet": "proxyWallet",
    "token_id": "asset",
    "condition_id": "conditionId",
    "event_slug": "eventSlug",
    "outcome_index": "outcomeIndex",
    "profile_image": "profileImage",
    "profile_image_optimized": "profileImageOptimized",
    "transaction_hash": "transactionHash",
}


class DataViews:
    """Data API objects. Parts that repeat from trade to trade are cached: a page of 1000 takes 10 ms."""

    def __init__(self, state: PolymarketState) -> None:
        self.state = state
        self._market = lru_cache(maxsize=100_000)(self._market_part)
        self._person = lru_cache(maxsize=5_000)(self._person_part)

    def _person_part(self, person: int) -> Obj:
        return {
            "proxy_wallet": wallet(self.state, person),
            "name": f"trader{person}",
            "pseudonym": f"Sample-{person}",
            "bio": "",
            "profile_image": "",
            "profile_image_optimized": "",
        }

    def _market_part(self, i: int, outcome: int) -> Obj:
        names, event = self.state.names, self.state.venue.event_of(i)
        combo = bool(event.legs)
        return {
            "token_id": names.token(i, outcome),
            "condition_id": names.condition(i),
            "title": "" if combo else names.question_text(i),
            "slug": "" if combo else names.slug(i),
            "icon": "",
            "event_slug": "" if combo else names.events[self.state.venue.columns["event"][i]],
            "outcome": "" if combo else names.outcomes(i)[outcome],
            "outcome_index": 999 if combo else outcome,
        }

    def trades(self, rows: list[int]) -> list[Obj]:
        """Trades by number with v2's names; one in ten has an average price with many digits."""
        table, hexed = self.state.venue.trades, self.state.universe.digests.hex
        objects = []
        for n in rows:
            key, price = table.key[n], table.price[n]
            outcome, buys = side_of(key)
            if outcome:
                price = ONE - price
            objects.append(
                {
                    **self._person(key % 5_000),
                    **self._market(table.inst[n], outcome),
                    "side": "BUY" if buys else "SELL",
                    "size": number(table.size[n], 10**6),
                    "price": (price * 300 + 1) / (ONE * 300) if key // 2**9 % 10 == 0 else number(price, ONE),
                    "timestamp": table.t[n] // 1_000_000,
                    "transaction_hash": f"0x{hexed('tx', table.tx[n])}",
                }
            )
        return objects

    def token(self, i: int, outcome: int, now: int) -> Obj:
        names = self.state.names
        settled = now >= self.state.venue.columns["settled"][i]
        final = self.state.venue.columns["final"][i]
        combo, neg = bool(self.state.venue.event_of(i).legs), names.neg_risk(i)
        module = "combo" if combo else "v1_ctf" if names.version(i) == "v1" else "neg_risk" if neg else "binary"
        condition = names.condition(i).ljust(66, "0")  # this route pads 31-byte ids
        number_of_event = self.state.venue.columns["event"][i]
        return {
            "token_id": names.token(i, outcome),
            "condition_id": condition,
            "structural_condition_id": None if module == "v1_ctf" else condition,
            "clob_index": None if combo else outcome,
            "title": None if combo else names.question_text(i),
            "market_slug": None if combo else names.slug(i),
            "closed": None if combo else settled,
            "neg_risk_market_id": f"0x{names.group(i)}" if neg else None,
            "question_index": self.state.venue.columns["position"][i] if neg else None,
            "event_id": None if combo else EVENT_ID + number_of_event,
            "event_slug": None if combo else names.events[number_of_event],
            "module": module,
            "outcome": None if combo else names.outcomes(i)[outcome],
            "outcome_index": outcome,
            "opposite_token_id": names.token(i, 1 - outcome) if outcome < 2 else None,
            "resolved": settled,
            "final_price": number(final if outcome == 0 else ONE - final, ONE) if settled else None,
            "neg_risk": neg,
        }

    def resolution(self, i: int, now: int) -> Obj:
        c = self.state.venue.columns
        uma = self.state.uma(i, now)
        settled, final = uma == "resolved", c["final"][i]
        disputed = c["settled"][i] - c["determined"][i] > DAY and now >= c["determined"][i]
        updown = self.state.venue.event_of(i).topic.family.style == "updown"
        return {
            "condition_id": self.state.names.condition(i),
            "question_id": f"0x{self.state.names.question(i)}",
            "status": uma or "initialized",
            "payouts": [final * 100, 1_000_000 - final * 100] if settled else None,
            "price": str(final * 10**14) if settled else "69",
            "was_disputed": disputed,
            "extended_review": False,
            "new_version_q": False,
            "last_update_timestamp": max(c[name][i] for name in ("created", "closes", "settled") if c[name][i] <= now),
            "expected_settlement_time": c["settled"][i] if uma == "proposed" else None,
            "reporter": "CHAINLINK" if updown else "UMA_OO",
            "market_type": "ATOMIC_NEGRISK" if self.state.names.neg_risk(i) else "BINARY",
        }
