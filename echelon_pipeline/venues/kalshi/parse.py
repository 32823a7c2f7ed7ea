"""Which statements make rows of Kalshi's payloads.

Belongs here: payload kinds, the fields and words that the parsers know. The statements in
``sql/parse/kalshi`` interpret payloads. Collections (multivariate_collections) stay raw only.
"""

from __future__ import annotations

from collections.abc import Mapping

from echelon_pipeline.venues.kinds import POINTS_CHUNK, ROWS_CHUNK, TRADES_CHUNK, PayloadKind

# The version of kinds without their own. Increase it when statements make other rows of the same payloads.
PARSER_VERSION = 1

_SERIES_FIELDS = """
    additional_prohibitions categories category contract_terms_url contract_url exchange_index fee_multiplier
    fee_type frequency last_updated_ts product_metadata settlement_sources tags ticker title volume volume_fp
"""

_EVENT_FIELDS = """
    available_on_brokers category collateral_return_type event_ticker exchange_index fee_multiplier_override
    fee_type_override last_updated_ts markets mutually_exclusive product_metadata series_ticker
    settlement_sources strike_date strike_period sub_title title
"""

_MARKET_FIELDS = """
    can_close_early cap_strike category close_time created_time custom_strike early_close_condition event_ticker
    exchange_index expected_expiration_time expiration_time expiration_value fee_waiver_expiration_time
    floor_strike fractional_trading_enabled functional_strike is_provisional last_price last_price_dollars
    latest_expiration_time liquidity liquidity_dollars market_type mve_collection_ticker mve_selected_legs no_ask
    no_ask_dollars no_bid no_bid_dollars no_sub_title notional_value notional_value_dollars occurrence_datetime
    open_interest open_interest_fp open_time previous_price previous_price_dollars previous_yes_ask
    previous_yes_ask_dollars previous_yes_bid previous_yes_bid_dollars price_level_structure price_ranges
    primary_participant_key response_price_units result risk_limit_cents rules_primary rules_secondary
    series_ticker settlement_timer_seconds settlement_ts settlement_value settlement_value_dollars status
    strike_type subtitle tick_size ticker title updated_time volume volume_24h volume_24h_fp volume_fp yes_ask
    yes_ask_dollars yes_ask_size_fp yes_bid yes_bid_dollars yes_bid_size_fp yes_sub_title
"""

_TRADE_FIELDS = """
    count count_fp created_time is_block_trade no_price no_price_dollars price taker_book_side
    taker_outcome_side taker_side ticker trade_id yes_price yes_price_dollars
"""

_CANDLES_FIELDS = "candlesticks market_ticker ticker"

_SIDES = frozenset({"yes", "no"})
_FEE_TYPES = """
    flat margin_market_maker_program_fees quadratic quadratic_with_combo_maker_fees quadratic_with_maker_fees
"""
_STATUSES = "active amended closed determined disputed finalized inactive initialized open settled unopened"
_STRIKES = "between custom functional greater greater_or_equal less less_or_equal structured"
# Contracts, 0 or more and below 10^12, or nothing. Exponents above 0 only where they cannot lead past that.
_SIZE = "(([0-9]{1,12}([.][0-9]*)?|[.][0-9]+)([eE]-[0-9]{1,2})?|([0-9]{1,3}([.][0-9]*)?|[.][0-9]+)[eE][+]?[0-8])?"


def _kind(
    endpoint: str,
    *outputs: str,
    fields: str,
    values: Mapping[str, frozenset[str]] | None = None,
    patterns: Mapping[str, str] | None = None,
    version: int = PARSER_VERSION,
) -> PayloadKind:
    folder = f"parse/kalshi/{endpoint}"
    return PayloadKind(
        venue="kalshi",
        endpoint=endpoint,
        parse=folder,
        outputs={table: f"{folder}_{table.replace('.', '_')}" for table in outputs},
        main=outputs[0],
        known_fields=frozenset(fields.split()),
        known_values=values or {},
        known_patterns=patterns or {},
        version=version,
        owner="'kalshi:' || ticker" if endpoint == "trades" else "",
        chunk_bytes={"candlesticks": POINTS_CHUNK, "trades": TRADES_CHUNK}.get(endpoint, ROWS_CHUNK),
    )


KINDS: dict[str, PayloadKind] = {
    kind.endpoint: kind
    for kind in (
        _kind("series", "core.series", fields=_SERIES_FIELDS, values={"fee_type": frozenset(_FEE_TYPES.split())}),
        _kind("events", "core.events", fields=_EVENT_FIELDS, version=2),
        _kind(
            "markets",
            "core.instruments",
            "core.outcomes",
            "core.instrument_quotes",
            "core.resolutions",
            fields=_MARKET_FIELDS,
            version=2,
            values={
                "status": frozenset(_STATUSES.split()),
                "result": _SIDES | {"scalar", ""},
                "market_type": frozenset({"binary", "scalar"}),
                "strike_type": frozenset(_STRIKES.split()) | {""},
            },
            # Judged here alone: a settled market with a size below 0 at the top of its book is still a market.
            patterns={"yes_bid_size_fp": _SIZE, "yes_ask_size_fp": _SIZE},
        ),
        _kind(
            "trades",
            "core.trades",
            fields=_TRADE_FIELDS,
            values={"taker_side": _SIDES, "taker_outcome_side": _SIDES, "taker_book_side": frozenset({"bid", "ask"})},
        ),
        _kind("candlesticks", "core.daily_prices", fields=_CANDLES_FIELDS),
    )
}

# What scans of listings bring.
LISTED: dict[str, PayloadKind] = {name: KINDS[name] for name in ("series", "events", "markets")}
