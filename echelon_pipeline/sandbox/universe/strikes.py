"""Strikes of series: where they begin, how far apart they are, and how they are written.

Belongs here: numbers and formats per Kalshi series. Which strike a market has is decided in ``markets.py``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Strikes:
    """Strikes from ``start`` in steps of ``step``; an event begins up to ``shifts - 1`` steps higher.

    ``text``: format of one value. ``above``: label of a value that must be exceeded. ``below_by``: what the venue
    subtracts from a strike that counts itself ("or above"), and in ranges the distance between two buckets.
    """

    start: float
    step: float
    text: str
    above: str = "{} or above"
    shifts: int = 5
    below_by: float = 0.0

    def amount(self, value: float) -> str:
        """A value for people."""
        return self.text.format(value)


def _degrees(start: int) -> Strikes:
    return Strikes(start, 2, "{:.0f}°", below_by=1, shifts=4)


STRIKES: dict[str, Strikes] = {
    "KXHIGHNY": _degrees(44),
    "KXHIGHCHI": _degrees(38),
    "KXHIGHMIA": _degrees(76),
    "KXHIGHAUS": _degrees(64),
    "KXHIGHLAX": _degrees(62),
    "KXHIGHDEN": _degrees(46),
    "KXLOWTNYC": _degrees(32),
    "KXBTCD": Strikes(90_750, 250, "${:,.0f}", below_by=0.01),
    "KXETHD": Strikes(2_960, 20, "${:,.0f}", below_by=0.01),
    "KXSOLD": Strikes(128, 2, "${:,.0f}", below_by=0.01),
    "KXXRPD": Strikes(1.94, 0.02, "${:.2f}", below_by=0.0001),
    "KXBTC15M": Strikes(91_742.35, 6.13, "${:,.2f}", shifts=400),
    "KXETH15M": Strikes(3_041.87, 0.37, "${:,.2f}", shifts=400),
    "KXSOL15M": Strikes(136.12, 0.03, "${:,.2f}", shifts=400),
    "KXCPIYOY": Strikes(2.3, 0.1, "{:.1f}%", "Above {}", shifts=3),
    "KXCPI": Strikes(0.0, 0.1, "{:.1f}%", "Above {}", shifts=1),
    "KXU3": Strikes(3.9, 0.1, "{:.1f}%", "Above {}", shifts=3),
    "KXPAYROLLS": Strikes(0, 25_000, "{:,.0f}", "Above {}", shifts=3),
    "KXGDP": Strikes(0.5, 0.5, "{:.1f}%", "Above {}", shifts=2),
    "KXNBATOTAL": Strikes(214.5, 3, "{:.1f}", "Over {} points scored"),
    "KXNFLTOTAL": Strikes(35.5, 3, "{:.1f}", "Over {} points scored"),
    "KXRT": Strikes(45, 5, "{:.0f}", "Above {}", shifts=3),
    "KXALBUMEQUIV": Strikes(60_000, 10_000, "{:,.0f}", "Above {}"),
    "KXINXU": Strikes(6_725, 25, "{:,.0f}", below_by=0.0001),
    "KXNASDAQ100U": Strikes(24_900, 100, "{:,.0f}", below_by=0.0001),
    "KXWTIW": Strikes(56, 1, "${:,.2f}", below_by=0.01),
    "KXGOLDD": Strikes(4_080, 20, "${:,.2f}", below_by=0.01),
    "KXTSLAA": Strikes(420_000, 10_000, "{:,.0f}", "Above {}"),
    "KXSPOTA": Strikes(276, 2, "{:.0f} million", "Above {}"),
}
