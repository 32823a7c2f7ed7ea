"""Exact decimals as whole numbers of millionths: read from text, written as text.

Belongs here: the scale of prices and sizes in order books. Tables have six decimals for both (``DECIMAL(9,6)``,
``DECIMAL(18,6)``); a text with more is refused, never rounded.
"""

from __future__ import annotations

import re
from functools import lru_cache

ONE = 1_000_000
CENT = 10_000

# Twelve digits before the point: what DECIMAL(18,6) holds. Venues also write ".48" and "1.": one side of the point may
# be empty, not both.
_PLAIN = re.compile(r"(-?)(?=\.?[0-9])([0-9]{0,12})(?:\.([0-9]{0,6})0*)?", re.ASCII)


@lru_cache(maxsize=1 << 16)  # prices are few and sizes repeat: a hit costs a tenth of a parse
def scaled(text: str) -> int:
    """A plain decimal in millionths; ValueError for anything else or more than six decimals."""
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise ValueError(f"not a decimal of at most 6 decimals: {text[:40]!r}")
    sign, whole, part = match.groups()
    number = int(whole or 0) * ONE + int((part or "").ljust(6, "0"))
    return -number if sign else number


@lru_cache(maxsize=1 << 16)
def decimal_text(number: int) -> str:
    """The decimal without trailing zeros: ``0.1``, ``2525``."""
    whole, part = divmod(number, ONE)
    return f"{whole}.{part:06d}".rstrip("0") if part else str(whole)


def three_decimals(number: int) -> str:
    """The decimal with at least three decimals: ``0.850``, ``0.0005``."""
    whole, part = divmod(number, ONE)
    digits = f"{part:06d}"
    return f"{whole}.{digits[:3]}{digits[3:].rstrip('0')}"
