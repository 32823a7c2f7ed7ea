-- about: order legs of the configured builder codes, with the contribution of each to volume and fees
-- creates: core.builder_legs
-- grain: venue leg id
-- partition: none
-- inputs: core.fills
-- lookups: core.instrument_history
-- A match is a taker order in a transaction. Its taker leg is the whole match; if no taker leg has the code, its maker
-- legs are the code's part. So a match of a builder with himself counts once, by its taker leg.
-- All legs of a match count on the UTC day of the first leg, and none counts before the last is final.
WITH exchanges AS (
    -- Polygon, chain 137. V1 (until 2026-04-28): py-clob-client config.py; the others: the SDK's environments.py.
    SELECT lower(address) AS address
    FROM (VALUES
        ('0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E'),  -- exchange V1
        ('0xC5d563A36AE78145C45a50134d48A1215220f80a'),  -- negative-risk exchange V1
        ('0xE111180000d2663C0091e4f400237545B87B996B'),  -- exchange V2
        ('0xe2222d279d744050d28e00520010520000310F59'),  -- negative-risk exchange V2
        ('0xe3333700cA9d93003F00f0F71f8515005F6c00Aa'),  -- exchange V3
        ('0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296')   -- negative-risk adapter
    ) AS listed (address)
),

coded AS (
    SELECT
        *,
        lower(builder_code) AS code,
        status IN ('failed', 'retrying') AS is_excluded,
        -- A leg without a taker order cannot be matched to a counterpart.
        coalesce(coalesce(transaction_hash, '') || '/' || lower(taker_order_id), fill_id) AS match_id,
        coalesce(notional_usd, CAST(CAST(price AS DECIMAL(19, 12)) * size AS DECIMAL(18, 6))) AS notional
    FROM core.fills
    WHERE lower(builder_code) IN (SELECT lower(unnest(CAST($builder_codes AS VARCHAR[]))))
),

matched AS (
    SELECT
        *,
        min(event_at) OVER same_match AS matched_at,
        bool_and(is_terminal) OVER same_match AS is_final,
        bool_or(role = 'taker') OVER same_match AS has_taker,
        bool_or(role = 'taker') OVER (PARTITION BY venue, match_id, is_excluded, code) AS code_has_taker
    FROM coded
    WINDOW same_match AS (PARTITION BY venue, match_id, is_excluded)
),

schedules AS (
    SELECT
        instrument_id,
        valid_from,
        fee_rate,
        fee_schedule,
        TRY_CAST(fee_schedule ->> '$.takerOnly' AS BOOLEAN) AS is_taker_only
    FROM core.instrument_history
    WHERE venue_has_builder_trades(venue) AND instrument_id IN (SELECT instrument_id FROM coded WHERE fee_usd IS NULL)
),

priced AS (
    -- The schedule known at the time of the trade, never a later one. A fee that fits no column is unknown.
    SELECT
        m.*,
        s.fee_rate,
        s.fee_schedule,
        s.fee_rate = 0 OR (m.role = 'maker' AND s.is_taker_only) AS is_free,
        m.role = 'taker' OR NOT s.is_taker_only AS is_charged
    FROM matched m
    ASOF LEFT JOIN schedules s ON m.instrument_id = s.instrument_id AND m.event_at >= s.valid_from
),

charged AS (
    SELECT
        *,
        CASE
            WHEN fee_usd IS NOT NULL THEN fee_usd
            WHEN is_free THEN 0
            WHEN is_charged THEN taker_fee(venue, size, price, fee_rate, fee_schedule, event_at)
        END AS fee
    FROM priced
)

SELECT
    venue,
    utc_day(matched_at) AS date,
    fill_id,
    code AS builder_code,
    instrument_id,
    match_id,
    role,
    side,
    CASE WHEN lower(maker) NOT IN (SELECT address FROM exchanges) THEN lower(maker) END AS wallet,
    CASE WHEN is_excluded THEN 'excluded' WHEN is_final THEN 'settled' ELSE 'open' END AS state,
    notional AS notional_usd,
    CASE WHEN is_excluded OR (code_has_taker AND role <> 'taker') THEN 0 ELSE size END AS contracts,
    CASE WHEN is_excluded OR (code_has_taker AND role <> 'taker') THEN 0 ELSE notional END AS volume_usd,
    CASE WHEN is_excluded OR (has_taker AND role <> 'taker') THEN 0 ELSE size END AS all_contracts,
    CASE WHEN is_excluded OR (has_taker AND role <> 'taker') THEN 0 ELSE notional END AS all_volume_usd,
    fee AS fee_usd,
    CASE WHEN fee_usd IS NOT NULL THEN 'reported' WHEN fee IS NOT NULL THEN 'estimated' ELSE 'unknown' END AS fee_source,
    builder_fee_usd
FROM charged
