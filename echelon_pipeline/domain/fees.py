"""Taker fees of venues: rate x contracts x (price x (1 - price)) ^ exponent, rounded as the venue rounds.

Belongs here: the formula and its rounding, as exact Python and as SQL. A venue's registration names its ``TakerFees``;
rate and exponent of an instrument are in ``fee_rate`` and ``fee_schedule`` of ``core.instruments``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal

# Enough digits for a size of 18, a rate of 12 and the square of a price product of 24.
_EXACT = Context(prec=80)
_EXPONENTS = (1, 2)


@dataclass(frozen=True)
class TakerFees:
    """How a venue charges the takers of its fills.

    ``places``: decimals of a fee in dollars. ``rounds_up``: up to the next step instead of half up. ``exponent``: of
    every schedule, or None if each schedule names it. ``base_rates``: the rate of each fee type, which the multiplier
    of a series or event multiplies; empty if the venue serves the rates of its instruments.
    """

    places: int
    rounds_up: bool = False
    exponent: int | None = None
    base_rates: Mapping[str, Decimal] = field(default_factory=dict)

    def of(self, contracts: Decimal, price: Decimal, rate: Decimal, exponent: int = 1) -> Decimal:
        """The fee of one fill in dollars. Raises ValueError for a negative size, a price outside 0..1 or an exponent
        other than 1 and 2."""
        if contracts < 0 or not 0 <= price <= 1 or exponent not in _EXPONENTS:
            raise ValueError(f"no fee for {contracts} contracts at {price} with exponent {exponent}")
        product = _EXACT.multiply(price, 1 - price)
        fee = _EXACT.multiply(_EXACT.multiply(contracts, rate), product if exponent == 1 else product * product)
        step = Decimal(1).scaleb(-self.places)
        return fee.quantize(step, ROUND_CEILING if self.rounds_up else ROUND_HALF_UP, _EXACT)

    def rounding_sql(self, fee: str) -> str:
        """SQL of a fee of 24 decimals, rounded. DuckDB's ceil has no decimals, so the rounded fee is compared."""
        rounded = f"round({fee}, {self.places})"
        exact = f"CAST({rounded} AS DECIMAL(20, 6))"
        if not self.rounds_up:
            return exact
        step = Decimal(1).scaleb(-self.places)
        return f"{exact} + CASE WHEN CAST({rounded} AS DECIMAL(38, 24)) < {fee} THEN {step} ELSE 0 END"
