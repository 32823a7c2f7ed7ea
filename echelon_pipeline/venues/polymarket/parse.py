"""Which statements make rows of Polymarket's payloads.

Belongs here: payload kinds, the fields and words that the parsers know. The statements in
``sql/parse/polymarket`` interpret payloads.
"""

from __future__ import annotations

from collections.abc import Mapping

from echelon_pipeline.venues.kinds import POINTS_CHUNK, ROWS_CHUNK, PayloadKind

# The version of kinds without their own. Increase it when statements make other rows of the same payloads.
PARSER_VERSION = 1

_MARKET_FIELDS = """
    $schema acceptingOrders acceptingOrdersTimestamp active approved archived automaticallyActive
    automaticallyResolved bestAsk bestBid category clearBookOnStart clobRewards clobTokenIds closed closedTime
    comboStatus competitive conditionId createdAt creator customLiveness cyom decimalized deploying
    deployingTimestamp description enableOrderBook endDate endDateIso events eventStartTime featured
    feeSchedule feesEnabled feeType fpmmLive funded gameId gameStartTime groupItemThreshold groupItemTitle
    hasReviewedDates holdingRewardsEnabled icon id image lastTradePrice line liquidity liquidityAmm
    liquidityClob liquidityNum lowerBound mailchimpTag makerBaseFee makerRebatesFeeShareBps manualActivation
    marketMakerAddress marketMetadata marketType negRisk negRiskMarketID negRiskOther negRiskRequestID new
    oneDayPriceChange oneHourPriceChange oneMonthPriceChange oneWeekPriceChange oneYearPriceChange
    openInterest orderMinSize orderPriceMinTickSize outcomePrices outcomes pagerDutyNotificationEnabled
    pendingDeployment positionIds question questionID ready readyForCron requiresTranslation resolutionSource
    resolvedBy restricted rewardsMaxSpread rewardsMinSize rfqEnabled secondsDelay series seriesColor
    showGmpOutcome showGmpSeries slug sportsMarketType spread startDate startDateIso submitted_by tags
    takerBaseFee twitterCardImage umaBond umaEndDate umaResolutionStatus umaResolutionStatuses umaReward
    updatedAt updatedBy upperBound version volume volume1mo volume1moAmm volume1moClob volume1wk volume1wkAmm
    volume1wkClob volume1yr volume1yrAmm volume1yrClob volume24hr volume24hrClob volumeClob volumeNum
"""

_EVENT_FIELDS = """
    active archived automaticallyActive automaticallyResolved category closed closedTime commentCount
    competitive countryName createdAt creationDate cumulativeMarkets cyom deploying deployingTimestamp
    description electionType enableNegRisk enableOrderBook endDate ended estimateValue eventDate eventMetadata
    eventWeek featured featuredOrder gameId gmpChartMode icon id image liquidity liquidityClob live markets
    negRisk negRiskAugmented negRiskMarketID new openInterest parentEventId pendingDeployment period
    published_at publishedAt requiresTranslation resolutionSource restricted score series seriesSlug
    showAllOutcomes showMarketImages slug sortBy sport startDate startTime subtitle tags teams ticker title
    updatedAt version volume volume1mo volume1wk volume1yr volume24hr
"""

_SERIES_FIELDS = """
    active archived categories closed commentCount commentsEnabled competitive createdAt createdBy description
    events featured icon id image layout liquidity new publishedAt recurrence requiresTranslation restricted
    score seriesType slug startDate subtitle tags ticker title updatedAt updatedBy volume volume24hr
"""

_CLOB_MARKET_FIELDS = """
    accepting_order_timestamp accepting_orders active archived closed condition_id description
    enable_order_book end_date_iso fpmm game_start_time icon image is_50_50_outcome maker_base_fee market_slug
    minimum_order_size minimum_tick_size neg_risk neg_risk_market_id neg_risk_request_id notifications_enabled
    question question_id rewards seconds_delay tags taker_base_fee tokens
"""

_TRADE_FIELDS = """
    bio condition_id event_slug icon name outcome outcome_index price profile_image profile_image_optimized
    proxy_wallet pseudonym side size slug timestamp title token_id transaction_hash
"""

_TRADE_V1_FIELDS = """
    asset bio conditionId eventSlug icon name outcome outcomeIndex price profileImage profileImageOptimized
    proxyWallet pseudonym side size slug timestamp title transactionHash
"""

_FILL_FIELDS = """
    assetId bucketIndex builder builderCode builderFee createdAt err_msg fee feeUsdc id maker market matchTime
    outcome outcomeIndex owner price side size sizeUsdc status takerOrderHash tradeType transactionHash
    updatedAt
"""

_RANKING_FIELDS = "active_users builder_code builder_name profile_image rank verified volume"

_RESOLUTION_FIELDS = """
    condition_id expected_settlement_time extended_review last_update_timestamp log_index market_type
    new_version_q payouts price proposed_price question_id reporter reproposed_price resolution_source
    resolved_at resolved_block settlement_time_basis status transaction_hash was_arbitrated was_disputed
"""

_SIDES = frozenset({"BUY", "SELL"})


def _kind(
    endpoint: str,
    fields: str,
    *tables: str,
    statements: str | None = None,
    words: Mapping[str, frozenset[str]] | None = None,
    uses_outcomes: bool = False,
    version: int = PARSER_VERSION,
) -> PayloadKind:
    """A kind whose files are named after it: ``<endpoint>.sql`` and ``<endpoint>_<table>.sql``."""
    stem = f"parse/polymarket/{statements or endpoint}"
    return PayloadKind(
        venue="polymarket",
        endpoint=endpoint,
        parse=stem,
        outputs={table: f"{stem}_{table.replace('.', '_')}" for table in tables},
        main=tables[0],
        known_fields=frozenset(fields.split()),
        known_values=words or {},
        uses_outcomes=uses_outcomes,
        version=version,
        owner="'polymarket:' || condition_id" if tables[0] == "core.trades" else "",
        chunk_bytes=POINTS_CHUNK if endpoint == "prices_history" else ROWS_CHUNK,
        # Identical prints are numbered over a walk; a ranking is one observation however many pages it has.
        whole=tables[0] in ("core.trades", "core.builder_leaderboard"),
    )


_ALL = (
    _kind("events", _EVENT_FIELDS, "core.events"),
    _kind(
        "markets",
        _MARKET_FIELDS,
        "core.instruments",
        "core.outcomes",
        "core.instrument_quotes",
        "core.resolutions",
        uses_outcomes=True,
        words={
            "umaResolutionStatus": frozenset(
                {"", "requested", "proposed", "disputed", "challenged", "resolved", "settled"}
            ),
            "version": frozenset({"v1", "v2"}),
            "marketType": frozenset({"normal", "scalar"}),
        },
    ),
    _kind("clob_markets", _CLOB_MARKET_FIELDS, "core.resolutions", uses_outcomes=True),
    _kind("series", _SERIES_FIELDS, "core.series"),
    _kind("trades", _TRADE_FIELDS, "core.trades", words={"side": _SIDES}, uses_outcomes=True),
    _kind(
        "trades_v1",
        _TRADE_V1_FIELDS,
        "core.trades",
        statements="trades",
        words={"side": _SIDES},
        uses_outcomes=True,
    ),
    _kind(
        "prices_history", "history data t p timestamp price resolution_seconds", "core.daily_prices", uses_outcomes=True
    ),
    _kind(
        "builder_trades",
        _FILL_FIELDS,
        "core.fills",
        words={
            "side": _SIDES,
            "tradeType": frozenset({"MAKER", "TAKER"}),
            "status": frozenset(
                f"TRADE_STATUS_{word}"
                for word in ("MATCHED", "MATCHED_NOT_BROADCASTED", "MINED", "CONFIRMED", "RETRYING", "FAILED")
            ),
        },
        uses_outcomes=True,
    ),
    _kind("builders_leaderboard", _RANKING_FIELDS, "core.builder_leaderboard"),
    _kind(
        "resolutions",
        _RESOLUTION_FIELDS,
        "core.resolutions",
        words={
            "status": frozenset({"initialized", "posed", "active", "arbitration", "resolved"})
            | frozenset({"proposed", "challenged", "reproposed", "disputed"}),
            "reporter": frozenset({"UMA_OO", "CHAINLINK", "EOA"}),
        },
    ),
)

KINDS: dict[str, PayloadKind] = {kind.endpoint: kind for kind in _ALL}

# What scans of listings bring.
LISTED: dict[str, PayloadKind] = {name: KINDS[name] for name in ("series", "events", "markets")}
