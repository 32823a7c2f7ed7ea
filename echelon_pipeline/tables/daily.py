"""One row per instrument and UTC day, safe to sum.

Belongs here: columns, key and rules of ``mart.daily``. The published relation adds the payout (``sql/publish``).
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import DATE, INSTRUMENT, VENUE, in_unit, not_negative
from echelon_pipeline.tables.schema import Column, Cycle, Rule, T, Table

_FROM = "from price_source"

DAILY = Table(
    name="mart.daily",
    cycle=Cycle.DAY,
    about="One row is one instrument's UTC day: one price and one volume, with the source of each. Safe to sum. The "
    "published relation has payout_0, payout_1 and resolved_at too.",
    grain="instrument, date",
    columns=(
        VENUE,
        DATE,
        INSTRUMENT,
        Column("price_source", T.TEXT, "the first of trades, candle and mid_sample that has a close, complete days "
               "first; NULL without a close. Changes between days are of one source only in mart.price_trends"),
        Column("open", T.PRICE, f"of outcome 0, {_FROM}", unit="USD"),
        Column("high", T.PRICE, f"of outcome 0, {_FROM}", unit="USD"),
        Column("low", T.PRICE, f"of outcome 0, {_FROM}", unit="USD"),
        Column("close", T.PRICE, f"of outcome 0, {_FROM}", unit="USD"),
        Column("vwap", T.EXACT_PRICE, "of outcome 0, from trades; NULL if they were not read completely", unit="USD"),
        Column("bid_close", T.PRICE, "best bid at the day's end, from candles; NULL is no quote", unit="USD"),
        Column("ask_close", T.PRICE, "best ask at the day's end, from candles; NULL is no quote", unit="USD"),
        Column("open_interest", T.SIZE, "at the day's end, from candles", unit="contracts"),
        Column("volume_source", T.TEXT, "trades (mart.trade_volume; 0 if the trades of the day are complete and there "
               "are none), or candle (trades of the day are not complete, a complete candle has the contracts); NULL "
               "if unknown"),
        Column("contracts", T.SIZE, "traded, each trade once, block trades included; NULL if unknown",
               unit="contracts"),
        Column("taker_notional_usd", T.MONEY, "sum of price x size of the traded outcomes; NULL if unknown: a candle "
               "with contracts has none", unit="USD"),
        Column("trades", T.BIGINT, "number of prints; NULL if unknown"),
        Column("traders", T.BIGINT, "distinct takers; NULL if the venue does not publish them"),
        Column("price_is_complete", T.BOOL, "price_source was read to the end of the day, or there was no price to "
               "read", nullable=False),
        Column("volume_is_complete", T.BOOL, "every trade of the day was read", nullable=False),
        Column("is_complete", T.BOOL, "price_is_complete and volume_is_complete", nullable=False),
        Column("incomplete_reason", T.TEXT, "why is_complete is false: 'price: …; volume: …'"),
    ),
    key=("instrument_id", "date"),
    partition_by=("date",),
    sort_by=("instrument_id",),
    rules=(
        Rule("price_source is known", "price_source IS NULL OR price_source IN ('trades', 'candle', 'mid_sample')"),
        Rule("volume_source is known", "volume_source IS NULL OR volume_source IN ('trades', 'candle')"),
        Rule("a close has a source", "(close IS NULL) = (price_source IS NULL)"),
        *(in_unit(c) for c in ("open", "high", "low", "close", "vwap")),
        *(not_negative(c) for c in ("contracts", "taker_notional_usd")),
        Rule("a volume without a source is NULL", "volume_source IS NOT NULL OR contracts IS NULL"),
        Rule(
            "a complete volume has its totals",
            "NOT volume_is_complete OR NOT (contracts IS NULL OR taker_notional_usd IS NULL OR trades IS NULL)",
        ),
        Rule("what is not complete has a reason", "is_complete = (incomplete_reason IS NULL)"),
        Rule("is_complete is both", "is_complete = (price_is_complete AND volume_is_complete)"),
    ),
    indexes=(("date",),),
)  # fmt: skip

DAILY_TABLES: tuple[Table, ...] = (DAILY,)
