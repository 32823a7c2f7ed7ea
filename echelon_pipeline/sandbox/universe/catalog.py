"""The questions of a synthetic universe: families of events in the categories of both venues.

Belongs here: names, categories, parts of tickers, trading times, styles. No randomness, no clock.

The style of a family is the relation of its instruments:
``ladder`` (is the value above each strike), ``range`` (which bucket, exclusive), ``field`` (who wins,
exclusive), ``game`` (two sides; Polymarket has one market with team names), ``single`` (yes or no),
``updown`` (one market, Up/Down), ``words`` (independent yes or no each).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Style = Literal["ladder", "range", "field", "game", "single", "updown", "words"]
Pairs = tuple[tuple[str, str], ...]

HOUR, DAY = 3600, 86_400


@dataclass(frozen=True)
class Family:
    """``subjects``: (Kalshi series ticker, subject). ``life``: usual trading time in seconds.
    ``pool``: (code, label) of outcomes. ``start``/``step``: strikes. ``natural``: usual number of markets."""

    name: str
    weight: int
    style: Style
    life: int
    category: str
    tags: tuple[str, ...]
    poly_tags: tuple[str, ...]
    frequency: str
    title: str
    subjects: Pairs
    natural: int = 1
    pool: Pairs = ()
    start: float = 0.0
    step: float = 1.0
    unit: str = ""
    fee: tuple[str, float] = ("general_fees", 0.05)
    aligned: int = DAY
    market: str = field(default="{label}")


_PEOPLE: Pairs = (
    ("AALD", "Ada Alder"),
    ("BBRO", "Ben Brook"),
    ("CCED", "Cara Cedar"),
    ("DDAL", "Dan Dale"),
    ("EELM", "Eve Elm"),
    ("FFOR", "Finn Ford"),
    ("GGLE", "Gwen Glen"),
    ("HHIL", "Hugo Hill"),
    ("IIVY", "Ida Ivy"),
    ("JJUN", "Jon Juniper"),
    ("KKIR", "Kim Kirk"),
    ("LLAK", "Lou Lake"),
)
_TEAMS: Pairs = (
    ("ARI", "Arizona"),
    ("ATL", "Atlanta"),
    ("BOS", "Boston"),
    ("CHI", "Chicago"),
    ("CLE", "Cleveland"),
    ("DAL", "Dallas"),
    ("DEN", "Denver"),
    ("DET", "Detroit"),
    ("HOU", "Houston"),
    ("KC", "Kansas City"),
    ("LAR", "Los Angeles R"),
    ("MIA", "Miami"),
    ("MIN", "Minnesota"),
    ("NYG", "New York G"),
    ("PHI", "Philadelphia"),
    ("PIT", "Pittsburgh"),
    ("SEA", "Seattle"),
    ("SF", "San Francisco"),
    ("TB", "Tampa Bay"),
    ("WAS", "Washington"),
)
_WORDS: Pairs = (
    ("TARI", "Tariff"),
    ("INFL", "Inflation"),
    ("CHIN", "China"),
    ("BORD", "Border"),
    ("JOBS", "Jobs"),
    ("BITC", "Bitcoin"),
    ("SHUT", "Shutdown"),
    ("RATE", "Rate cut"),
    ("UKRA", "Ukraine"),
    ("HOAX", "Hoax"),
)
_MODELS: Pairs = (
    ("ANTH", "Anthropic"),
    ("GOOG", "Google"),
    ("OPEN", "OpenAI"),
    ("XAI", "xAI"),
    ("META", "Meta"),
    ("DEEP", "DeepSeek"),
    ("ALIB", "Alibaba"),
)
_PARTIES: Pairs = (("D", "Democratic"), ("R", "Republican"))
_FED: Pairs = (
    ("H0", "No change"),
    ("C25", "25 bps cut"),
    ("C26", ">25 bps cut"),
    ("H25", "25 bps hike"),
    ("H26", ">25"),
)
_FILMS: Pairs = (
    ("SIN", "The Long Winter"),
    ("MAR", "Marlowe"),
    ("HAM", "Hamlet in June"),
    ("OBA", "One Battle Lost"),
    ("SEN", "Sentimental"),
    ("BUG", "The Bug"),
    ("TRA", "Train of Dreams"),
    ("FRA", "Frank"),
)

FAMILIES: tuple[Family, ...] = (
    Family(
        "weather", 12, "range", 36 * HOUR, "Climate and Weather", ("Daily temperature",), ("Weather", "Daily"), "daily",
        "Highest temperature in {subject} on {date}?",
        (("KXHIGHNY", "NYC"), ("KXHIGHCHI", "Chicago"), ("KXHIGHMIA", "Miami"), ("KXHIGHAUS", "Austin"),
         ("KXHIGHLAX", "Los Angeles"), ("KXHIGHDEN", "Denver"), ("KXLOWTNYC", "NYC at night")),
        natural=6, start=44, step=2, unit="°", fee=("weather_fees", 0.05),
    ),
    Family(
        "crypto_hourly", 11, "ladder", 24 * HOUR, "Crypto", ("Hourly",), ("Crypto", "Hourly"), "hourly",
        "{subject} price on {date} at {hour}?",
        (("KXBTCD", "Bitcoin"), ("KXETHD", "Ethereum"), ("KXSOLD", "Solana"), ("KXXRPD", "XRP")),
        natural=9, start=60_999.99, step=1_000, unit="$", fee=("crypto_fees_v2", 0.07), aligned=HOUR,
    ),
    Family(
        "crypto_15m", 7, "updown", HOUR, "Crypto", ("15 min",), ("Crypto", "15M"), "fifteen_min",
        "{subject} Up or Down - {date}, {hour}",
        (("KXBTC15M", "Bitcoin"), ("KXETH15M", "Ethereum"), ("KXSOL15M", "Solana")),
        fee=("crypto_fees_v2", 0.07), aligned=900,
    ),
    Family(
        "econ", 6, "ladder", 40 * DAY, "Economics", ("Inflation", "Jobs"), ("Economy",), "monthly",
        "{subject} in {month}?",
        (("KXCPIYOY", "CPI year over year"), ("KXCPI", "CPI month over month"), ("KXU3", "Unemployment rate"),
         ("KXPAYROLLS", "Payrolls growth"), ("KXGDP", "GDP growth")),
        natural=6, start=0.1, step=0.1, unit="%", fee=("economics_fees", 0.05),
    ),
    Family(
        "fed", 4, "field", 90 * DAY, "Economics", ("Fed",), ("Economy", "Fed"), "custom",
        "Fed decision in {month}?", (("KXFEDDECISION", "Fed"),),
        natural=5, pool=_FED, fee=("economics_fees", 0.05),
    ),
    Family(
        "nominee", 7, "field", 300 * DAY, "Politics", ("Primaries",), ("Politics", "Elections"), "one_off",
        "Who will win the {subject} nomination by {date}?",
        (("KXPRESNOMD", "Democratic presidential"), ("KXPRESNOMR", "Republican presidential"),
         ("KXSENATENOM", "Senate"), ("KXGOVNOM", "Governor")),
        natural=8, pool=_PEOPLE, fee=("politics_fees", 0.04),
    ),
    Family(
        "politics", 9, "single", 120 * DAY, "Politics", ("Congress",), ("Politics",), "one_off",
        "Will {subject} by {date}?",
        (("KXBILLS", "the housing bill become law"), ("KXSHUTDOWN", "the government shut down"),
         ("KXCABOUT", "a cabinet member leave"), ("KXSCOURT", "a justice retire"),
         ("KXTREATY", "the trade treaty be signed")),
        fee=("politics_fees", 0.04),
    ),
    Family(
        "race", 8, "field", 200 * DAY, "Elections", ("House", "Senate"), ("Elections",), "one_off",
        "Which party will win {subject} ({date})?",
        (("KXHOUSERACE", "the House seat"), ("KXSENATERACE", "the Senate seat"), ("KXGOVRACE", "the governor's race")),
        natural=2, pool=_PARTIES, fee=("politics_fees", 0.04),
    ),
    Family(
        "game", 13, "game", 5 * DAY, "Sports", ("Football", "Basketball", "Baseball"), ("Sports", "Games"), "custom",
        "{side_a} vs {side_b}",
        (("KXNFLGAME", "Pro football"), ("KXNBAGAME", "Pro basketball"), ("KXMLBGAME", "Pro baseball"),
         ("KXNHLGAME", "Pro hockey")),
        natural=2, pool=_TEAMS, fee=("sports_fees_v2", 0.05), aligned=HOUR,
    ),
    Family(
        "total", 4, "ladder", 3 * DAY, "Sports", ("Basketball",), ("Sports",), "custom",
        "{side_a} vs {side_b}: total points",
        (("KXNBATOTAL", "Pro basketball"), ("KXNFLTOTAL", "Pro football")),
        natural=5, start=40.5, step=3, pool=_TEAMS, fee=("sports_fees_v2", 0.05), aligned=HOUR,
    ),
    Family(
        "mentions", 5, "words", 7 * DAY, "Mentions", ("Speeches",), ("Mentions", "Politics"), "weekly",
        "What will {subject} say on {date}?",
        (("KXTRUMPMENTION", "the President"), ("KXFEDMENTION", "the Fed chair"),
         ("KXEARNINGSMENTIONNVDA", "NVIDIA's management")),
        natural=8, pool=_WORDS, fee=("mentions_fees", 0.05),
    ),
    Family(
        "films", 4, "field", 60 * DAY, "Entertainment", ("Awards",), ("Culture", "Movies"), "annual",
        "{subject} winner {year}?", (("KXOSCARPIC", "Best Picture"), ("KXEMMYDRAMA", "Best Drama")),
        natural=7, pool=_FILMS, fee=("culture_fees", 0.05),
    ),
    Family(
        "scores", 3, "ladder", 10 * DAY, "Entertainment", ("Movies",), ("Culture",), "weekly",
        "Critics' score of {subject} on {date}?", (("KXRT", "the new film"), ("KXALBUMEQUIV", "the new album")),
        natural=6, start=50, step=5, fee=("culture_fees", 0.05),
    ),
    Family(
        "indices", 4, "ladder", 24 * HOUR, "Financials", ("Indices",), ("Finance",), "daily",
        "{subject} close on {date}?", (("KXINXU", "S&P 500"), ("KXNASDAQ100U", "Nasdaq 100")),
        natural=8, start=6_499.9999, step=25, fee=("finance_prices_fees", 0.04), aligned=HOUR,
    ),
    Family(
        "commodities", 3, "range", 7 * DAY, "Commodities", ("Energy", "Metals"), ("Finance", "Commodities"), "weekly",
        "{subject} on {date}?", (("KXWTIW", "WTI oil"), ("KXGOLDD", "Gold")),
        natural=6, start=60, step=2, unit="$", fee=("finance_prices_fees", 0.04),
    ),
    Family(
        "models", 3, "field", 60 * DAY, "Science and Technology", ("AI",), ("Tech", "AI"), "monthly",
        "Which company has the best AI model at the end of {month}?", (("KXLLM1", "AI"),),
        natural=6, pool=_MODELS, fee=("tech_fees", 0.04),
    ),
    Family(
        "companies", 2, "ladder", 45 * DAY, "Companies", (), ("Tech", "Finance"), "quarterly",
        "{subject} this quarter ({date})?", (("KXTSLAA", "Tesla deliveries"), ("KXSPOTA", "Spotify subscribers")),
        natural=5, start=300, step=25, fee=("finance_prices_fees", 0.04),
    ),
    Family(
        "world", 3, "single", 200 * DAY, "World", ("Geopolitics",), ("Geopolitics", "World"), "one_off",
        "Will {subject} before {date}?",
        (("KXEUEXPANSION", "the EU admit a new member"), ("KXCEASEFIRE", "a ceasefire hold"),
         ("KXNEWOUTBREAK-P", "a new pandemic be declared")),
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
