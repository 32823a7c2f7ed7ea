"""The sandbox's own account: orders on both venues that tests place, fill and cancel.

Belongs here: the state of orders and positions, and account events. The venues' sessions format and send the events; no
event changes a book. Prices are 1e-4 dollars, sizes 1e-6 contracts or shares, money 1e-4 dollars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from echelon_pipeline.sandbox.universe.paths import ONE
from echelon_pipeline.sandbox.universe.randomness import Digests

UNIT = 1_000_000
Kind = Literal["placed", "filled", "cancelled"]


@dataclass(frozen=True)
class Order:
    """``outcome`` is bought or sold at its ``price``. ``paid`` and ``fees``: as taker, as maker."""

    number: int
    order_id: str
    venue: str
    row: int
    outcome: int
    is_buy: bool
    price: int
    size: int
    client_order_id: str
    placed_us: int
    changed_us: int
    filled: int = 0
    is_cancelled: bool = False
    paid: tuple[int, int] = (0, 0)
    fees: tuple[int, int] = (0, 0)

    @property
    def remaining(self) -> int:
        return 0 if self.is_cancelled else self.size - self.filled

    @property
    def is_yes(self) -> bool:
        """Whether the order is for outcome 0: buys it, or sells the other."""
        return self.is_buy == (self.outcome == 0)

    @property
    def price_0(self) -> int:
        """The price of outcome 0."""
        return self.price if self.outcome == 0 else ONE - self.price


@dataclass(frozen=True)
class Position:
    """``size`` of outcome 0, negative for a short position; ``cost``, ``fees`` and ``volume`` of all fills."""

    size: int = 0
    cost: int = 0
    fees: int = 0
    volume: int = 0


@dataclass(frozen=True)
class AccountEvent:
    """A change of an order: the order and the position after it; for a fill its size and fee."""

    kind: Kind
    order: Order
    position: Position
    us: int
    trade_id: str = ""
    size: int = 0
    fee: int = 0
    is_maker: bool = False


class Account:
    """Orders by id, positions by venue and row. Methods raise ValueError for an invalid action."""

    def __init__(self, digests: Digests) -> None:
        self.orders: dict[str, Order] = {}
        self.positions: dict[tuple[str, int], Position] = {}
        self._digests = digests
        self._fills = 0

    def place(self, order: Order) -> AccountEvent:
        """Places an order; assigns its number and id."""
        if not 0 < order.price < ONE or order.size <= 0:
            raise ValueError("expected a price between 0 and 1 and a size above 0")
        number = len(self.orders)
        is_kalshi = order.venue == "kalshi"
        digests = self._digests
        name = digests.uuid("own order", number) if is_kalshi else f"0x{digests.hex('own order', number)}"
        placed = replace(order, number=number, order_id=name)
        return self._record("placed", placed)

    def fill(self, order_id: str, size: int, us: int, *, is_maker: bool) -> AccountEvent:
        """Fills part of the remaining size at the order's price."""
        order = self._open(order_id)
        if not 0 < size <= order.remaining:
            raise ValueError(f"expected a size of at most {order.remaining} millionths")
        place = 1 if is_maker else 0
        cost, fee = size * order.price // UNIT, 0 if is_maker or order.venue != "kalshi" else fee_of(order.price, size)
        paid, fees = list(order.paid), list(order.fees)
        paid[place] += cost
        fees[place] += fee
        changed = replace(
            order, filled=order.filled + size, paid=(paid[0], paid[1]), fees=(fees[0], fees[1]), changed_us=us
        )
        position = self.positions.get((order.venue, order.row), Position())
        self.positions[order.venue, order.row] = Position(
            position.size + (size if order.is_yes else -size),
            position.cost + cost,
            position.fees + fee,
            position.volume + size,
        )
        self._fills += 1
        trade = self._digests.uuid("own trade", self._fills)
        return self._record("filled", changed, trade_id=trade, size=size, fee=fee, is_maker=is_maker)

    def cancel(self, order_id: str, us: int) -> AccountEvent:
        """Cancels the remaining size."""
        return self._record("cancelled", replace(self._open(order_id), is_cancelled=True, changed_us=us))

    def _open(self, order_id: str) -> Order:
        order = self.orders.get(order_id)
        if order is None or not order.remaining:
            raise ValueError(f"no open order {order_id[:80]}")
        return order

    def _record(
        self, kind: Kind, order: Order, *, trade_id: str = "", size: int = 0, fee: int = 0, is_maker: bool = False
    ) -> AccountEvent:
        self.orders[order.order_id] = order
        position = self.positions.get((order.venue, order.row), Position())
        return AccountEvent(kind, order, position, order.changed_us, trade_id, size, fee, is_maker)


def fee_of(price: int, size: int) -> int:
    """Kalshi's taker fee: 0.07 x size x price x (1 - price), rounded up to 1e-4 dollars (reference: Kalshi 6.3)."""
    return -(-7 * size * price * (ONE - price) // (100 * UNIT * ONE))
