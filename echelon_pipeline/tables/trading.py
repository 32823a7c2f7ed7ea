"""What was traded and what came of it: daily prices, trades, fills, resolutions.

Belongs here: columns, keys and rules of these tables; units are those of ``instruments.py``.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import (
    BUCKET,
    INSTRUMENT,
    IS_VENUE,
    OBSERVED,
    PARSER,
    SHA,
    VENUE,
    in_unit,
    not_negative,
)
from echelon_pipeline.tables.schema import Column, Rule, T, Table

_DATE = Column("date", T.DATE, "UTC day of event_at", nullable=False)

DAILY_PRICES = Table(
    name="core.daily_prices",
    about="One row is one instrument's UTC day from one price source. The sources describe the same day: choose one "
    "price_source before adding anything up; mart.trade_volume is safe to sum.",
    version=3,
    grain="instrument, date, price_source",
    columns=(
        VENUE,
        Column("date", T.DATE, "UTC day", nullable=False),
        INSTRUMENT,
        Column("price_source", T.TEXT, "trades, candle, mid_sample, or venue_day (Eastern-time day)", nullable=False),
        Column("open", T.PRICE, "of outcome 0; NULL where nothing traded", unit="USD"),
        Column("high", T.PRICE, "of outcome 0", unit="USD"),
        Column("low", T.PRICE, "of outcome 0", unit="USD"),
        Column("close", T.PRICE, "of outcome 0", unit="USD"),
        Column("previous_close", T.PRICE, "last price before the day, where the source gives it", unit="USD"),
        Column("bid_close", T.PRICE, "best bid at the day's end; NULL is no quote", unit="USD"),
        Column("ask_close", T.PRICE, "best ask at the day's end; NULL is no quote", unit="USD"),
        Column("vwap", T.EXACT_PRICE, "from a complete window of trades only", unit="USD"),
        Column(
            "volume",
            T.SIZE,
            "contracts; trades: complete days only. Sum it over one price_source: Kalshi's candles count the contracts "
            "of its trades again",
            unit="contracts",
        ),
        Column("taker_notional_usd", T.MONEY, "sum of price x size; complete window only", unit="USD"),
        Column("trades", T.BIGINT, "number of trades; complete window only"),
        Column("open_interest", T.SIZE, "at the day's end", unit="contracts"),
        Column("grain_seconds", T.INT, "spacing of the source's points"),
        Column("n_samples", T.INT, "points or candles that the row was made from", nullable=False),
        Column(
            "is_complete", T.BOOL, "the source was read to the day's end, and every row of the day was", nullable=False
        ),
        Column("source", T.TEXT, "where the points came from: endpoint or imported file", nullable=False),
        OBSERVED,
        Column("unread_rows", T.BIGINT, "rows of the day that could not be read; NULL in older and imported rows"),
        Column("incomplete_reason", T.TEXT, "why is_complete is false; NULL in older and imported rows too"),
        PARSER,
    ),
    key=("instrument_id", "date", "price_source"),
    partition_by=("venue", "date"),
    sort_by=("instrument_id", "price_source"),
    rules=(
        IS_VENUE,
        *(in_unit(c) for c in ("open", "high", "low", "close", "previous_close", "bid_close", "ask_close", "vwap")),
        Rule(
            "low <= open, close <= high",
            "low IS NULL OR (low <= open AND low <= close AND high >= open AND high >= close)",
        ),
        Rule("price_source is known", "price_source IN ('trades', 'candle', 'mid_sample', 'venue_day')"),
        not_negative("volume"),
    ),
)

TRADES = Table(
    name="core.trades",
    version=2,
    mirrored=False,
    about="One row is one taker execution as published.",
    grain="Kalshi: one match; Polymarket: one taker aggregate (column grain)",
    columns=(
        VENUE,
        _DATE,
        Column("trade_id", T.TEXT, "Kalshi trade_id; Polymarket: md5 of the identifying fields", nullable=False),
        Column(
            "set_id",
            T.TEXT,
            "rows of one set are replaced together: trade_id, or transaction and token",
            nullable=False,
        ),
        Column("instrument_id", T.TEXT, "venue:native_id; it may name an instrument we do not hold", nullable=False),
        Column("event_at", T.TIME, "the venue's clock", nullable=False),
        Column(
            "outcome_index",
            T.INT,
            "the outcome that the taker bought or sold (Kalshi: 0 for a taker of yes, 1 for a taker of no, always "
            "bought); NULL where the token is unmapped or Kalshi names no taker side",
        ),
        Column("unmapped_reason", T.TEXT, "why outcome_index is NULL"),
        Column("token_id", T.TEXT, "Polymarket token"),
        Column(
            "price",
            T.EXACT_PRICE,
            "of the traded outcome (Kalshi: of yes where outcome_index is NULL)",
            nullable=False,
            unit="USD",
        ),
        Column("price_text", T.TEXT, "the price as served"),
        Column("price_0", T.EXACT_PRICE, "of outcome 0: price or 1 - price", unit="USD"),
        Column("size", T.SIZE, "shares or contracts", nullable=False, unit="contracts"),
        Column("taker_notional_usd", T.MONEY, "price x size of the traded outcome", nullable=False, unit="USD"),
        Column("taker_direction", T.INT, "+1 buys 0 or sells 1, -1 the reverse"),
        Column("taker_side", T.TEXT, "buy or sell, of the traded outcome"),
        Column("is_block_trade", T.BOOL, "negotiated off the book: outside OHLC and VWAP", nullable=False),
        Column("trader", T.TEXT, "public wallet of the taker (Polymarket)"),
        Column("transaction_hash", T.TEXT, "Polygon transaction (Polymarket)"),
        Column("ordinal", T.INT, "among identical rows of a set, from 0", nullable=False),
        Column("grain", T.TEXT, "match or taker_aggregate", nullable=False),
        Column("identity", T.TEXT, "strong, or weak for imports without an id", nullable=False),
        Column("source", T.TEXT, "endpoint with its filters, or imported file", nullable=False),
        Column("observed_at", T.TIME, "when we first read it", nullable=False),
        SHA,
        PARSER,
    ),
    key=("trade_id",),
    replace_by=("set_id",),
    partition_by=("venue", "date"),
    sort_by=("instrument_id", "event_at", "trade_id"),
    rules=(
        IS_VENUE,
        in_unit("price"),
        in_unit("price_0"),
        Rule("size is positive", "size > 0"),
        Rule("date is the UTC day of event_at", "date = CAST(event_at AT TIME ZONE 'UTC' AS DATE)"),
        Rule("taker_direction is +1 or -1", "taker_direction IS NULL OR taker_direction IN (1, -1)"),
        Rule("grain is known", "grain IN ('match', 'taker_aggregate')"),
        Rule("identity is known", "identity IN ('strong', 'weak')"),
    ),
)

FILLS = Table(
    name="core.fills",
    version=2,
    about="One row is one order leg of a match (maker or taker), with builder attribution and fees.",
    grain="venue leg id",
    columns=(
        VENUE,
        _DATE,
        Column("fill_id", T.TEXT, "venue:leg_id", nullable=False),
        Column("instrument_id", T.TEXT, "venue:native_id", nullable=False),
        Column("event_at", T.TIME, "match time, the venue's clock", nullable=False),
        Column("outcome_index", T.INT, "traded outcome; NULL where the token is unmapped"),
        Column("unmapped_reason", T.TEXT, "why outcome_index is NULL"),
        Column("token_id", T.TEXT, "Polymarket token"),
        Column("role", T.TEXT, "maker or taker", nullable=False),
        Column("side", T.TEXT, "buy or sell, of the traded outcome"),
        Column("price", T.EXACT_PRICE, "of the traded outcome", nullable=False, unit="USD"),
        Column("size", T.SIZE, "shares or contracts", nullable=False, unit="contracts"),
        Column("notional_usd", T.MONEY, "as served, else price x size", unit="USD"),
        Column("fee_usd", T.MONEY, "venue fee as served", unit="USD"),
        Column("builder_fee_usd", T.MONEY, "builder fee as served", unit="USD"),
        Column("builder_code", T.TEXT, "bytes32 code that the order carried"),
        Column("maker", T.TEXT, "the order's maker address"),
        Column("owner", T.TEXT, "owner as served"),
        Column("taker_order_id", T.TEXT, "order hash of the taker order of the match"),
        Column("transaction_hash", T.TEXT, "Polygon transaction"),
        Column("status", T.TEXT, "matched, mined, confirmed, retrying, failed", nullable=False),
        Column("venue_status", T.TEXT, "the venue's word"),
        Column("is_terminal", T.BOOL, "the status can no longer change", nullable=False),
        Column("source", T.TEXT, "endpoint", nullable=False),
        Column("updated_at", T.TIME, "the venue's last change"),
        OBSERVED,
        SHA,
        PARSER,
    ),
    key=("fill_id",),
    partition_by=("venue", "date"),
    sort_by=("instrument_id", "event_at", "fill_id"),
    newest="observed_at",
    rules=(IS_VENUE, in_unit("price"), Rule("size is positive", "size > 0")),
)

RESOLUTIONS = Table(
    name="core.resolutions",
    version=2,
    about="One row is what one source says about how an instrument paid out.",
    grain="instrument, source",
    columns=(
        VENUE,
        BUCKET,
        INSTRUMENT,
        Column("source", T.TEXT, "kalshi_market, gamma, clob, data_v2, or an imported file", nullable=False),
        Column(
            "status",
            T.TEXT,
            "settled: the source says that it is final; determined: proposed, disputed or decided and not final; "
            "unresolved: trading ended and the source says neither",
            nullable=False,
        ),
        Column("result", T.TEXT, "the venue's word: yes, no, scalar, a label"),
        Column("payout_0", T.EXACT_PRICE, "per share of outcome 0", unit="USD"),
        Column("payout_1", T.EXACT_PRICE, "per share of outcome 1", unit="USD"),
        Column("payout_text", T.TEXT, "payouts as served; NULL while Gamma does not call the market resolved"),
        Column("unresolved_reason", T.TEXT, "why there are no payouts although trading ended"),
        Column("expiration_value", T.TEXT, "observed value that decided, as served"),
        Column("was_disputed", T.BOOL, "the outcome was disputed"),
        Column("proposed_at", T.TIME, "when a resolution was first proposed"),
        Column("resolved_at", T.TIME, "when it became final"),
        OBSERVED,
        SHA,
        PARSER,
    ),
    key=("instrument_id", "source"),
    partition_by=("venue", "bucket"),
    sort_by=("instrument_id", "source"),
    newest="observed_at",
    rules=(
        IS_VENUE,
        in_unit("payout_0"),
        in_unit("payout_1"),
        Rule("payouts sum to 1", "payout_0 IS NULL OR payout_1 IS NULL OR payout_0 + payout_1 = 1"),
    ),
)

TRADING_TABLES = (
    DAILY_PRICES,
    TRADES,
    FILLS,
    RESOLUTIONS,
)
