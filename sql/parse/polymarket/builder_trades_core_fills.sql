-- about: order legs with attribution and fees; of several readings of a leg the last.
-- grain: fill_id
-- inputs: parsed, known_outcomes
WITH latest AS (
    SELECT *, CASE word WHEN 'matched_not_broadcasted' THEN 'matched' ELSE word END AS state
    FROM parsed
    QUALIFY row_number() OVER (PARTITION BY leg_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
),
mapped AS (
    SELECT token_id, min(instrument_id) AS instrument_id, min(outcome_index) AS outcome_index
    FROM known_outcomes
    WHERE token_id IN (SELECT token_id FROM latest)
    GROUP BY token_id
    HAVING count(DISTINCT (instrument_id, outcome_index)) = 1
)
SELECT
    'polymarket' AS venue,
    utc_day(l.event_at) AS date,
    'polymarket:' || l.leg_id AS fill_id,
    coalesce(m.instrument_id, 'polymarket:' || l.condition_id) AS instrument_id,
    l.event_at,
    m.outcome_index,
    CASE WHEN m.token_id IS NULL THEN 'token is in no known instrument' END AS unmapped_reason,
    l.token_id,
    l.role,
    lower(nullif(l.f.side, '')) AS side,
    l.price,
    l.size,
    coalesce(TRY_CAST(l.f.sizeUsdc AS DECIMAL(18, 6)), notional(l.price, l.size)) AS notional_usd,
    TRY_CAST(l.f.feeUsdc AS DECIMAL(18, 6)) AS fee_usd,
    TRY_CAST(l.f.builderFee AS DECIMAL(18, 6)) AS builder_fee_usd,
    nullif(l.f.builderCode, '') AS builder_code,
    nullif(l.f.maker, '') AS maker,
    nullif(l.f.owner, '') AS owner,
    nullif(l.f.takerOrderHash, '') AS taker_order_id,
    lower(nullif(l.f.transactionHash, '')) AS transaction_hash,
    l.state AS status,
    l.f.status AS venue_status,
    l.state IN ('confirmed', 'failed') AS is_terminal,
    'clob/builder/trades' AS source,
    coalesce(as_epoch(l.f.updatedAt), as_time(l.f.updatedAt)) AS updated_at,
    l.received_at AS observed_at,
    l.sha256 AS raw_sha256
FROM latest l
LEFT JOIN mapped m ON m.token_id = l.token_id
