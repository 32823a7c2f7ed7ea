"""The questions of a synthetic universe: families of events in the categories of both venues.

Belongs here: names, categories, parts of tickers, trading times, styles. No randomness, no clock.

The style of a family is the relation of its instruments:
``ladder`` (is the value above each strike), ``range`` (which bucket, exclusive), ``field`` (who wins,
exclusive), ``game`` (two sides; Polymarket has one market with team names), ``single`` (yes or no),
``updown`` (one market, Up/Down), ``words`` (independent yes or no each).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from echelon_pipeline.sandbox.universe.pools import FED, FILMS, MODELS, PARTIES, PEOPLE, TEAMS, WORDS, Pairs

Style = Literal["ladder", "range", "field", "game", "single", "updown", "words"]

HOUR, DAY = 3600, 86_400


@dataclass(frozen=True)
class Family:
    """``subjects``: (Kalshi series ticker, subject). ``life``: usual trading time in seconds.
    ``pool``: (code, label) of outcomes. ``natural``: usual number of markets."""

    name: str
    weight: int
    style: Style
    life: int
    category: str
    tags: tuple[str, ...]
    poly_tags: tuple[str, ...]
    frequency: str
    subjects: Pairs
    natural: int = 1
    pool: Pairs = ()
    fee: tuple[str, float] = ("general_fees", 0.05)
    aligned: int = DAY


FAMILIES: tuple[Family, ...] = (
    Family(
        "weather", 12, "range", 36 * HOUR, "Climate and Weather", ("Daily temperature",), ("Weather", "Daily"), "daily",
        (("KXHIGHNY", "New York City"), ("KXHIGHCHI", "Chicago"), ("KXHIGHMIA", "Miami"), ("KXHIGHAUS", "Austin"),
         ("KXHIGHLAX", "Los Angeles"), ("KXHIGHDEN", "Denver"), ("KXLOWTNYC", "New York City")),
        natural=6, fee=("weather_fees", 0.05),
    ),
    Family(
        "crypto_hourly", 11, "ladder", 24 * HOUR, "Crypto", ("Hourly",), ("Crypto", "Hourly"), "hourly",
        (("KXBTCD", "Bitcoin"), ("KXETHD", "Ethereum"), ("KXSOLD", "Solana"), ("KXXRPD", "XRP")),
        natural=9, fee=("crypto_fees_v2", 0.07), aligned=HOUR,
    ),
    Family(
        "crypto_15m", 7, "updown", HOUR, "Crypto", ("15 min",), ("Crypto", "15M"), "fifteen_min",
        (("KXBTC15M", "Bitcoin"), ("KXETH15M", "Ethereum"), ("KXSOL15M", "Solana")),
        fee=("crypto_fees_v2", 0.07), aligned=900,
    ),
    Family(
        "econ", 6, "ladder", 40 * DAY, "Economics", ("Inflation", "Jobs"), ("Economy",), "monthly",
        (("KXCPIYOY", "CPI year-over-year"), ("KXCPI", "CPI month-over-month"), ("KXU3", "Unemployment rate"),
         ("KXPAYROLLS", "Jobs numbers"), ("KXGDP", "US GDP growth")),
        natural=6, fee=("economics_fees", 0.05),
    ),
    Family(
        "fed", 4, "field", 90 * DAY, "Economics", ("Fed",), ("Economy", "Fed"), "custom",
        (("KXFEDDECISION", "Fed"),),
        natural=5, pool=FED, fee=("economics_fees", 0.05),
    ),
    Family(
        "nominee", 7, "field", 300 * DAY, "Politics", ("Primaries",), ("Politics", "Elections"), "one_off",
        (("KXPRESNOMD", "2028 Democratic presidential"), ("KXPRESNOMR", "2028 Republican presidential"),
         ("KXSENATENOM", "Republican Senate"), ("KXGOVNOM", "Democratic gubernatorial")),
        natural=8, pool=PEOPLE, fee=("politics_fees", 0.04),
    ),
    Family(
        "politics", 9, "single", 120 * DAY, "Politics", ("Congress",), ("Politics",), "one_off",
        (("KXBILLS", "the housing bill become law"), ("KXSHUTDOWN", "the government shut down"),
         ("KXCABOUT", "a Cabinet member leave"), ("KXSCOURT", "a Supreme Court justice retire"),
         ("KXTREATY", "the trade treaty be signed")),
        fee=("politics_fees", 0.04),
    ),
    Family(
        "race", 8, "field", 200 * DAY, "Elections", ("House", "Senate"), ("Elections",), "one_off",
        (("KXHOUSERACE", "House races"), ("KXSENATERACE", "Senate races"), ("KXGOVRACE", "Governor races")),
        natural=2, pool=PARTIES, fee=("politics_fees", 0.04),
    ),
    Family(
        "game", 13, "game", 5 * DAY, "Sports", ("Football", "Basketball", "Baseball"), ("Sports", "Games"), "custom",
        (("KXNFLGAME", "Pro football"), ("KXNBAGAME", "Pro basketball"), ("KXMLBGAME", "Pro baseball"),
         ("KXNHLGAME", "Pro hockey")),
        natural=2, pool=TEAMS, fee=("sports_fees_v2", 0.05), aligned=HOUR,
    ),
    Family(
        "total", 4, "ladder", 3 * DAY, "Sports", ("Basketball",), ("Sports",), "custom",
        (("KXNBATOTAL", "Pro basketball"), ("KXNFLTOTAL", "Pro football")),
        natural=5, pool=TEAMS, fee=("sports_fees_v2", 0.05), aligned=HOUR,
    ),
    Family(
        "mentions", 5, "words", 7 * DAY, "Mentions", ("Speeches",), ("Mentions", "Politics"), "weekly",
        (("KXTRUMPMENTION", "the President"), ("KXFEDMENTION", "the Fed Chair"),
         ("KXEARNINGSMENTIONNVDA", "NVIDIA")),
        natural=8, pool=WORDS, fee=("mentions_fees", 0.05),
    ),
    Family(
        "films", 4, "field", 60 * DAY, "Entertainment", ("Awards",), ("Culture", "Movies"), "annual",
        (("KXOSCARPIC", "Best Picture"), ("KXEMMYDRAMA", "Outstanding Drama Series")),
        natural=7, pool=FILMS, fee=("culture_fees", 0.05),
    ),
    Family(
        "scores", 3, "ladder", 10 * DAY, "Entertainment", ("Movies",), ("Culture",), "weekly",
        (("KXRT", "Rotten Tomatoes score"), ("KXALBUMEQUIV", "first-week soundtrack sales")),
        natural=6, fee=("culture_fees", 0.05),
    ),
    Family(
        "indices", 4, "ladder", 24 * HOUR, "Financials", ("Indices",), ("Finance",), "daily",
        (("KXINXU", "S&P 500"), ("KXNASDAQ100U", "Nasdaq 100")),
        natural=8, fee=("finance_prices_fees", 0.04), aligned=HOUR,
    ),
    Family(
        "commodities", 3, "range", 7 * DAY, "Commodities", ("Energy", "Metals"), ("Finance", "Commodities"), "weekly",
        (("KXWTIW", "WTI oil"), ("KXGOLDD", "Gold")),
        natural=6, fee=("finance_prices_fees", 0.04),
    ),
    Family(
        "models", 3, "field", 60 * DAY, "Science and Technology", ("AI",), ("Tech", "AI"), "monthly",
        (("KXLLM1", "AI"),),
        natural=6, pool=MODELS, fee=("tech_fees", 0.04),
    ),
    Family(
        "companies", 2, "ladder", 45 * DAY, "Companies", (), ("Tech", "Finance"), "quarterly",
        (("KXTSLAA", "Tesla deliveries"), ("KXSPOTA", "Spotify premium subscribers")),
        natural=5, fee=("finance_prices_fees", 0.04),
    ),
    Family(
        "world", 3, "single", 200 * DAY, "World", ("Geopolitics",), ("Geopolitics", "World"), "one_off",
        (("KXEUEXPANSION", "the EU admit a new member"), ("KXCEASEFIRE", "both sides sign a ceasefire"),
         ("KXNEWOUTBREAK-P", "the WHO declare a new pandemic")),
        fee=("", 0.0),
    ),
)  # fmt: skip
WEIGHTS = tuple(family.weight for family in FAMILIES)
SERIES: tuple[tuple[Family, str, str], ...] = tuple(
    (f, ticker, about) for f in FAMILIES for ticker, about in f.subjects
)

COMBO_SERIES = (
    ("KXMVECROSSCATEGORY", "Combo", "KXMVECROSSCATEGORY-R"),
    ("KXMVESPORTSMULTIGAMEEXTENDED", "Multi-game combo", "KXMVESPORTSMULTIGAMEEXTENDED-R"),
    ("KXMVECROSSCATEGORY-SHARD1", "Combo (shard 1)", "KXMVECROSSCATEGORY-SHARD1-R"),
)
