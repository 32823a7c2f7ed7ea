"""The overview of all instruments as of now, for filtering and ranking.

Belongs here: columns, key and rules of ``mart.market_overview``. Units as in ``trading.py``.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import IS_VENUE
from echelon_pipeline.tables.instruments import STATUSES
from echelon_pipeline.tables.schema import Column, Rule, T, Table

PRICE_SOURCES = ("trades", "candle", "mid_sample", "quote_mid", "last_price")
FLAGS = (
    "no_trades_read",
    "unread_rows",
    "no_price",
    "stale_price",
    "no_quote",
    "one_sided_quote",
    "crossed_quote",
    "wide_spread",
    "never_traded",
    "disputed",
    "payouts_disagree",
    "outcomes_reordered",
    "settled_without_payout",
    "category_unknown",
    "duplicate_title",
)

_CHANGE = "change since the close of the UTC day {}, both from price_source; NULL if that day has no such close"
_VOLUME = "contracts of the prints of the last {} that were read, block trades included; NULL if none was read"
_COMPLETE = (
    "no print is missing from {} before as_of_at (or the start of trading) to volume_to_at, which is within an hour "
    "of as_of_at; counts only prints with an id"
)

MARKET_OVERVIEW = Table(
    name="mart.market_overview",
    about="One row is one instrument as of now: price, changes, volume, quote, end, payout, completeness, flags.",
    grain="instrument",
    version=3,
    columns=(
        Column("venue", T.TEXT, "name of the venue", nullable=False),
        Column("instrument_id", T.TEXT, "venue:native_id of the instrument", nullable=False),
        Column("native_id", T.TEXT, "Kalshi ticker, Polymarket condition id", nullable=False),
        Column("event_id", T.TEXT, "venue:native_id of the event"),
        Column("series_id", T.TEXT, "venue:native_id of the series of the instrument, else of its event"),
        Column("title", T.TEXT, "question or title as served"),
        Column("display_name", T.TEXT, "from core.display_names, else the title or the native id", nullable=False),
        Column("category", T.TEXT, "from core.ticker_categories; Other if unknown", nullable=False),
        Column("category_source", T.TEXT, "deciding evidence: venue, tag, series, title, none", nullable=False),
        Column("status", T.TEXT, "unopened, active, paused, closed, determined, settled", nullable=False),
        Column("is_combo", T.BOOL, "a parlay whose legs are other instruments", nullable=False),
        Column("latest_price", T.PRICE, "of outcome 0, from the first price_source that has one", unit="USD"),
        Column("priced_outcome", T.TEXT, "name of outcome 0; latest_price, changes and quotes are its prices"),
        Column(
            "price_source",
            T.TEXT,
            "the first source with a price: trades (newest print, without block trades), candle or mid_sample (newest "
            "daily close), each within the last 8 UTC days; quote_mid (mid of best_bid and best_ask), last_price (as "
            "served)",
        ),
        Column(
            "price_at",
            T.TIME,
            "time of the print (of yesterday or today); for a daily close, the end of its day or when it was read; "
            "for quote_mid and last_price, quote_at, which is not the time of the last trade",
        ),
        Column("change_1d", T.PRICE, _CHANGE.format("before as_of_at's"), unit="USD"),
        Column("change_7d", T.PRICE, _CHANGE.format("7 days before as_of_at's"), unit="USD"),
        Column("change_30d", T.PRICE, _CHANGE.format("30 days before as_of_at's"), unit="USD"),
        Column("volume_24h", T.SIZE, _VOLUME.format("24 hours"), unit="contracts"),
        Column("taker_notional_24h_usd", T.MONEY, "price x size of the same prints", unit="USD"),
        Column("volume_24h_is_complete", T.BOOL, _COMPLETE.format("24 hours"), nullable=False),
        Column("volume_7d", T.SIZE, _VOLUME.format("168 hours"), unit="contracts"),
        Column("taker_notional_7d_usd", T.MONEY, "price x size of the same prints", unit="USD"),
        Column("volume_7d_is_complete", T.BOOL, _COMPLETE.format("168 hours"), nullable=False),
        Column("volume_to_at", T.TIME, "trades were read without a gap until then; as_of_at if trading ended before"),
        Column("venue_volume_24h", T.SIZE, "the venue's own figure as served at quote_at, in venue_volume_24h_unit"),
        Column("venue_volume_24h_unit", T.TEXT, "contracts (Kalshi) or USD (Polymarket)"),
        Column("open_interest", T.SIZE, "as served at quote_at, in open_interest_unit"),
        Column("open_interest_unit", T.TEXT, "contracts (Kalshi) or USD (Polymarket)"),
        Column("liquidity_usd", T.MONEY, "as served at quote_at", unit="USD"),
        Column("best_bid", T.PRICE, "of outcome 0, as of quote_at", unit="USD"),
        Column("best_ask", T.PRICE, "of outcome 0, as of quote_at", unit="USD"),
        Column("spread", T.PRICE, "best_ask - best_bid; negative if the quote is crossed", unit="USD"),
        Column(
            "quote_at",
            T.TIME,
            "when the venue last served the newest quote; NULL if it served none in the last 3 UTC days",
        ),
        Column("ends_at", T.TIME, "scheduled end as served; may be nominal, see ends_at_source"),
        Column("ends_at_source", T.TEXT, "closes_at (of the instrument), else event (its ends_at)"),
        Column("trading_ended_at", T.TIME, "when trading really ended; NULL while it continues or if unknown"),
        Column("payout_0", T.EXACT_PRICE, "final, per share of outcome 0; NULL if sources disagree", unit="USD"),
        Column("trades_complete_from", T.TIME, "trades are complete without a gap since then"),
        Column("prices_complete_from", T.TIME, "daily prices are complete without a gap since then"),
        Column("is_clean", T.BOOL, "the row has no quality flag", nullable=False),
        Column(
            "quality_flags",
            T.TEXTS,
            "list of flags: list_contains(quality_flags, 'no_price') asks for one, list_has_any(quality_flags, "
            "['no_price', 'stale_price']) for several, is_clean for none. "
            "no_trades_read: no trades of the last 7 days were read; unread_rows: rows of these days could not be read "
            "and may be trades of the instrument; no_price: no source has a price; "
            "stale_price: price_at is older than 24 hours (this flag and the quote flags: only active instruments); "
            "no_quote: the venue served neither bid nor ask within 3 days; one_sided_quote: only one of them; "
            "crossed_quote: the ask is below the bid; wide_spread: more than 0.10; "
            "never_traded: the venue reports a volume of 0, and no other source shows a trade; "
            "disputed: the outcome is or was disputed; "
            "payouts_disagree: sources have different payouts, or one has a final and another a proposed payout; "
            "outcomes_reordered: the venue lists the outcomes in another order than at first (the indexes stay); "
            "settled_without_payout: no source has a payout; category_unknown: no evidence for a category; "
            "duplicate_title: another instrument of the venue has the same title and sub_title",
            nullable=False,
        ),
        Column("as_of_at", T.TIME, "the time for which the row was computed", nullable=False),
    ),
    key=("instrument_id",),
    partition_by=(),
    # A page of the most traded is then contiguous: of a million rows the first page takes 25 ms, not 70.
    sort_by=("volume_24h", "instrument_id"),
    physical=True,
    rules=(
        IS_VENUE,
        Rule("status is one of six", f"status IN {STATUSES}"),
        Rule("price_source is known", f"price_source IS NULL OR price_source IN {PRICE_SOURCES}"),
        Rule(
            "a price has a source and a time",
            "(latest_price IS NULL) = (price_source IS NULL) AND (latest_price IS NULL) = (price_at IS NULL)",
        ),
        Rule("latest_price lies in 0..1", "latest_price IS NULL OR latest_price BETWEEN 0 AND 1"),
        Rule("a clean row has no flag", "is_clean = (len(quality_flags) = 0)"),
        Rule("quality flags are known", f"list_has_all({list(FLAGS)}, quality_flags)"),
    ),
    indexes=(
        ("event_id",),
        ("category", "status"),
        ("ends_at",),
        ("volume_24h DESC NULLS LAST", "instrument_id"),
    ),
)

OVERVIEW_TABLES = (MARKET_OVERVIEW,)
