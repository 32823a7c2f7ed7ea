"""Trades with a builder code, and the builder programme's figures.

Belongs here: the codes, the choice of trades that carry one, their rows, leaderboard and volumes (reference: Polymarket
3).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams

from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.wire import iso, plain
from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.columns import view
from echelon_pipeline.sandbox.universe.paths import ONE

Obj = dict[str, Any]
PAGE = 300
# The first builder of every synthetic universe; the demo ingests its trades.
DEMO_BUILDER_CODE = "0x" + "ec4e10".ljust(64, "0")
CODES = (DEMO_BUILDER_CODE, *(f"0x{n:064x}" for n in (0xB0B, 0xCAFE, 0xD1CE, 0xFEED)))
NAMES = ("Echelon Demo", "Bob's Terminal", "Cafe Trade", "Dice", "Feed")
RATES = ((0, 25), (10, 50), (0, 0), (5, 100), (50, 100))  # maker and taker basis points
_ONE_IN = 33


def builder_of(key: int) -> int | None:
    """Index of the builder that routed a trade; None: no builder."""
    return key // 2**11 % len(CODES) if key // 2**13 % _ONE_IN == 3 else None


class Builders:
    """Rows of builder trades, newest first."""

    def __init__(self, state: PolymarketState) -> None:
        self.state = state
        frame = state.venue.trades.frame
        k = pl.col("key")
        coded = frame.with_row_index("n").filter(k // 2**13 % _ONE_IN == 3)
        self._rows = [view(coded.filter(k // 2**11 % len(CODES) == b)["n"].cast(pl.Int32)) for b in range(len(CODES))]

    def rates(self, code: str) -> tuple[int, int] | None:
        code = code.lower()
        return RATES[CODES.index(code)] if code in CODES else None

    def page(self, query: QueryParams, start: int, now_us: int) -> tuple[list[Obj], int | None]:
        """Rows of a query from an offset on, and the next offset."""
        code = query.get("builder_code", "").lower()
        if code not in CODES:
            return [], None
        fits = [n for n in self._visible(CODES.index(code), query, now_us) if self._fits(n, query)][::-1]
        following = start + PAGE if start + PAGE < len(fits) else None
        return [self.row(n) for n in fits[start : start + PAGE]], following

    def _visible(self, builder: int, query: QueryParams, now_us: int) -> list[int]:
        table = self.state.venue.trades
        low, high = 0, table.visible(now_us)
        if (text := query.get("after", "")).isdigit():
            low = max(low, table.visible(int(text) * 1_000_000))
        if (text := query.get("before", "")).isdigit():
            high = min(high, table.visible(int(text) * 1_000_000 - 1))
        rows = self._rows[builder]
        return list(rows[bisect_left(rows, low) : bisect_left(rows, max(low, high))])

    def _fits(self, n: int, query: QueryParams) -> bool:
        names, table = self.state.names, self.state.venue.trades
        if (market := query.get("market")) and names.condition(table.inst[n]) != market:
            return False
        if (asset := query.get("asset_id")) and names.token(table.inst[n], side_of(table.key[n])[0]) != asset:
            return False
        if (row_id := query.get("id")) and self.row(n)["id"] != row_id:
            return False
        maker = query.get("maker_address")
        return not maker or self.row(n)["maker"].lower() == maker.lower()

    def row(self, n: int) -> Obj:
        state, table = self.state, self.state.venue.trades
        digests = state.universe.digests
        i, key, size, builder = table.inst[n], table.key[n], table.size[n], builder_of(table.key[n]) or 0
        outcome, buys = side_of(key)
        price = table.price[n] if outcome == 0 else ONE - table.price[n]
        cash = size * price // ONE
        at = table.t[n] // 1_000_000
        maker = bool(key // 2**5 % 4 == 0)
        fee = 0 if maker else size * 5 * price * (ONE - price) // (100 * ONE * ONE)
        return {
            "id": digests.uuid("builder trade", n),
            "tradeType": "MAKER" if maker else "TAKER",
            "takerOrderHash": f"0x{digests.hex('taker order', n)}",
            "builder": "",
            "builderCode": CODES[builder],
            "market": state.names.condition(i),
            "assetId": state.names.token(i, outcome),
            "side": "BUY" if buys else "SELL",
            "size": plain(size, 6),
            "sizeUsdc": plain(cash, 6),
            "price": plain(price, 4),
            "status": "TRADE_STATUS_CONFIRMED",
            "outcome": state.names.outcomes(i)[outcome],
            "outcomeIndex": outcome,
            "owner": digests.uuid("owner", key % 5_000),
            "maker": wallet(state, key),
            "transactionHash": f"0x{digests.hex('tx', table.tx[n])}",
            "matchTime": str(at),
            "bucketIndex": 0,
            "fee": plain(fee * ONE // price if price else 0, 6),
            "feeUsdc": plain(fee, 6),
            "builderFee": plain(cash * RATES[builder][0 if maker else 1] // 10_000, 6),
            "err_msg": None,
            "createdAt": iso(at),
            "updatedAt": iso(at + 4),
        }

    def volumes(self, since: int, now_us: int) -> list[tuple[int, int, int, int]]:
        """(builder, shares 1e-6, dollars 1e-6, wallets) since a Unix second."""
        table = self.state.venue.trades
        low, high = table.visible(since * 1_000_000 - 1), table.visible(now_us)
        totals = []
        for builder, rows in enumerate(self._rows):
            mine = rows[bisect_left(rows, low) : bisect_left(rows, high)]
            cash = sum(int(self._cash(n)) for n in mine)
            wallets = len({table.key[n] % 5_000 for n in mine})
            totals.append((builder, sum(table.size[n] for n in mine), cash, wallets))
        return totals

    def by_day(self, since: int, now_us: int) -> dict[tuple[int, int], tuple[int, int]]:
        """Shares (1e-6) and wallets by (builder, Unix day)."""
        table = self.state.venue.trades
        low, high = table.visible(since * 1_000_000 - 1), table.visible(now_us)
        shares: Counter[tuple[int, int]] = Counter()
        wallets: dict[tuple[int, int], set[int]] = {}
        for builder, rows in enumerate(self._rows):
            for n in rows[bisect_left(rows, low) : bisect_left(rows, high)]:
                day = table.t[n] // 1_000_000 // DAY
                shares[builder, day] += table.size[n]
                wallets.setdefault((builder, day), set()).add(table.key[n] % 5_000)
        return {key: (total, len(wallets[key])) for key, total in shares.items()}

    def _cash(self, n: int) -> int:
        table = self.state.venue.trades
        price = table.price[n] if side_of(table.key[n])[0] == 0 else ONE - table.price[n]
        return table.size[n] * price // ONE


def side_of(key: int) -> tuple[int, bool]:
    """The traded outcome, and whether the taker buys it: an even key buys outcome 0 or sells outcome 1."""
    outcome = key // 2 % 2
    return outcome, (key % 2 == 0) == (outcome == 0)


def wallet(state: PolymarketState, key: int) -> str:
    """Address of a trade's wallet: one of 5,000."""
    return f"0x{state.universe.digests.hex('wallet', key % 5_000, 20)}"
