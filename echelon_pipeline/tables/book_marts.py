"""Marts of order books: depth, spreads, and coverage of the intended recording time.

Belongs here: columns, keys and rules of the marts over the tables of ``books.py``. Shares are between 0 and 1; means
are over time, never over rows.
"""

from __future__ import annotations

from echelon_pipeline.tables.books import HOUR
from echelon_pipeline.tables.columns import DATE, INSTRUMENT, VENUE
from echelon_pipeline.tables.schema import Column, Cycle, Rule, T, Table

_CENTS = (1, 2, 5, 10)
_TAKEN = (100, 1_000, 10_000)
_SIDES = ("bid", "ask")
_HOURS = ("instrument_id", "date", "hour")


def _depths() -> list[Column]:
    about = "mean size on this side within {} cent{} of the mid; NULL if no book had both sides"
    return [
        Column(f"{side}_depth_{c}c", T.STAT, about.format(c, "s" * (c > 1)), unit="contracts or shares")
        for c in _CENTS
        for side in _SIDES
    ]


def _capped() -> list[Column]:
    about = (
        "share of two_sided_seconds in which the stored levels of a side ended within {} cents of the mid but the "
        "side had more levels: the depths are then lower bounds"
    )
    return [Column(f"capped_share_{c}c", T.STAT, about.format(c)) for c in _CENTS]


def _taken() -> list[Column]:
    cost = (
        "mean cost of {} {:,} contracts at once above their value at the mid, walking the stored levels, over the "
        "time in which the levels had that size; NULL if they never had it"
    )
    share = "share of two_sided_seconds in which the stored levels had that size"
    return [
        *(
            Column(f"{verb}_{n}_usd", T.STAT, cost.format({"buy": "buying", "sell": "selling"}[verb], n), unit="USD")
            for verb in ("buy", "sell")
            for n in _TAKEN
        ),
        *(Column(f"{verb}_{n}_share", T.STAT, share) for verb in ("buy", "sell") for n in _TAKEN),
    ]


def _why(verb: str) -> Column:
    about = (
        f"why the smallest size of {verb} without a cost has none: one_sided (never both sides), too_thin (the whole "
        "side never had that size), beyond_levels (it had, beyond the 25 stored levels); NULL if all sizes have a cost"
    )
    return Column(f"{verb}_missing_reason", T.TEXT, about)


BOOK_DEPTH = Table(
    name="mart.book_depth",
    cycle=Cycle.DAY,
    about=(
        "One row is one instrument's UTC hour with a live book: depth near the mid, imbalance of the sides, and the "
        "cost of taking size. Computed from the 25 stored levels per side."
    ),
    grain="instrument, date, hour",
    columns=(
        VENUE,
        DATE,
        HOUR,
        INSTRUMENT,
        Column("live_seconds", T.STAT, "seconds with a live book", nullable=False),
        Column(
            "two_sided_seconds",
            T.STAT,
            "live seconds with a bid and an ask; all means are over these",
            nullable=False,
        ),
        *_depths(),
        *_capped(),
        Column(
            "imbalance",
            T.STAT,
            "mean of (bid - ask) / (bid + ask) of the sizes within 10 cents: 1 all bids, -1 all asks; over the time "
            "in which there was any size",
        ),
        *_taken(),
        _why("buy"),
        _why("sell"),
    ),
    key=_HOURS,
    partition_by=("date",),
    sort_by=("instrument_id", "hour"),
    rules=(
        Rule("two-sided time is part of live time", "two_sided_seconds <= live_seconds"),
        Rule("imbalance lies in -1..1", "imbalance IS NULL OR imbalance BETWEEN -1 AND 1"),
        Rule("taking costs", "least(buy_100_usd, buy_10000_usd, sell_100_usd, sell_10000_usd, 0) >= 0"),
        Rule("a missing cost has a reason", "(buy_10000_usd IS NULL) = (buy_missing_reason IS NOT NULL)"),
        Rule("the same for selling", "(sell_10000_usd IS NULL) = (sell_missing_reason IS NOT NULL)"),
    ),
    indexes=(("date",),),
)


def _spread(name: str, about: str) -> list[Column]:
    return [
        Column(f"{name}_spread", T.STAT, about, unit="USD"),
        Column(f"{name}_relative_spread", T.STAT, f"{about}, divided by the mid"),
    ]


SPREAD_STATS = Table(
    name="mart.spread_stats",
    cycle=Cycle.DAY,
    about="One row is one instrument's UTC day with a live book: its spread, weighted by time.",
    grain="instrument, date",
    columns=(
        VENUE,
        DATE,
        INSTRUMENT,
        Column("live_seconds", T.STAT, "seconds with a live book", nullable=False),
        Column("quoted_seconds", T.STAT, "live seconds with a bid and an ask; spreads are over these", nullable=False),
        Column("one_sided_share", T.STAT, "share of live_seconds with only a bid or only an ask", nullable=False),
        *_spread("mean", "mean of ask - bid; NULL if there were never both sides"),
        *_spread("median", "ask - bid was no more than this for half of the time"),
        *_spread("p95", "ask - bid was no more than this for 95 % of the time"),
        Column("best_changes", T.BIGINT, "number of price changes of best bid or best ask while live", nullable=False),
    ),
    key=("instrument_id", "date"),
    partition_by=("date",),
    sort_by=("instrument_id",),
    rules=(
        Rule("quoted time is part of live time", "quoted_seconds <= live_seconds"),
        Rule("shares lie in 0..1", "one_sided_share BETWEEN 0 AND 1"),
        Rule("quantiles rise", "median_spread IS NULL OR (median_spread > 0 AND median_spread <= p95_spread)"),
    ),
    indexes=(("date",),),
)

COVERAGE = Table(
    name="mart.coverage",
    cycle=Cycle.DAY,
    about=(
        "One row is one instrument's UTC hour that a listener intended to watch (or that has books anyway): how long "
        "its book was live, and what was missed."
    ),
    grain="instrument, date, hour",
    columns=(
        VENUE,
        DATE,
        HOUR,
        INSTRUMENT,
        Column(
            "expected_seconds",
            T.STAT,
            "seconds of the hour in which a listener intended to watch the instrument while it could be traded "
            "(core.watched_time), up to the end of the recording",
            nullable=False,
        ),
        Column("live_seconds", T.STAT, "expected seconds with a live book", nullable=False),
        Column("stale_seconds", T.STAT, "expected seconds with a book whose last proof was too old", nullable=False),
        Column("unknown_seconds", T.STAT, "the other expected seconds: no valid book, or no row", nullable=False),
        Column("coverage", T.STAT, "live_seconds / expected_seconds; NULL if nothing was expected"),
        Column("gaps", T.BIGINT, "number of gaps in the hour, as in core.book_gaps", nullable=False),
        Column("gap_reasons", T.TEXT, "number of gaps by reason; NULL if there are none", is_json=True),
        Column("seen_contracts", T.SIZE, "of core.live_trades in the expected time; NULL if nothing was expected"),
        Column(
            "venue_contracts",
            T.SIZE,
            "of core.trades in the same time; NULL if nothing was expected, or if neither all trades of the day nor "
            "all trades of that time are known to have been read",
        ),
        Column(
            "seen_share",
            T.STAT,
            "seen_contracts / venue_contracts; NULL if one is NULL or the venue has none. It may be above 1 because "
            "the two clocks differ at the edges of an hour",
        ),
    ),
    key=_HOURS,
    partition_by=("date",),
    sort_by=("instrument_id", "hour"),
    rules=(
        Rule("no more than an hour", "expected_seconds BETWEEN 0 AND 3600"),
        Rule("coverage lies in 0..1", "coverage IS NULL OR coverage BETWEEN 0 AND 1"),
        Rule("coverage needs something expected", "(coverage IS NULL) = (expected_seconds = 0)"),
        Rule(
            "seconds add up",
            "unknown_seconds >= 0 AND abs(live_seconds + stale_seconds + unknown_seconds - expected_seconds) < 0.001",
        ),
        Rule("gaps have reasons", "(gaps > 0) = (gap_reasons IS NOT NULL)"),
    ),
    indexes=(("date",),),
)

BOOK_MARTS: tuple[Table, ...] = (BOOK_DEPTH, SPREAD_STATS, COVERAGE)
