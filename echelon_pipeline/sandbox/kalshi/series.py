"""Kalshi's series objects of a generated universe.

Belongs here: one object per family and subject of the catalogue (reference: Kalshi REST 3.2).
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.sandbox.server.wire import iso
from echelon_pipeline.sandbox.universe.catalog import COMBO_SERIES, DAY, SERIES
from echelon_pipeline.sandbox.universe.wording import series_title

Obj = dict[str, Any]


def series_list(now: int) -> list[Obj]:
    """Every series, combos last. ``now``: Unix seconds for which the universe was built."""
    ordinary = [_series(ticker, number, now) for number, (_, ticker, _) in enumerate(SERIES)]
    return ordinary + [_combo_series(ticker, title, now) for ticker, title, _ in COMBO_SERIES]


def _series(ticker: str, number: int, now: int) -> Obj:
    family, _, about = SERIES[number]
    sports = family.category == "Sports"
    return {
        "ticker": ticker,
        "frequency": family.frequency,
        "title": series_title(family.name, about),
        "category": family.category,
        "categories": [family.category],
        "tags": list(family.tags) or None,
        "settlement_sources": [{"name": "Official source", "url": "https://example.com/source"}],
        "contract_url": f"https://example.com/certifications/{ticker}.pdf",
        "contract_terms_url": f"https://example.com/terms/{ticker}.pdf",
        "fee_type": "quadratic_with_maker_fees" if sports else "quadratic",
        "fee_multiplier": 1 if family.category != "Financials" else 0.5,
        "additional_prohibitions": [],
        "last_updated_ts": iso(now - 30 * DAY - number * 3600),
        "exchange_index": 2 if family.category == "Crypto" else 0,
    }


def _combo_series(ticker: str, title: str, now: int) -> Obj:
    return _series(ticker, 0, now) | {
        "frequency": "custom",
        "title": title,
        "category": "Exotics",
        "categories": ["Exotics"],
        "tags": None,
        "exchange_index": 1,
    }
