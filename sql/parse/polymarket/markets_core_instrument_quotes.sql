-- about: as-of-now prices and volumes of a poll. Bid 0, ask 1 and last price 0 are the venue's way to say none.
-- grain: instrument_id, observed_at
-- inputs: parsed
-- They are prices of the outcome that is served first. Where that is outcome 1 of two, outcome 0 is bid at 1 - ask and
-- asked at 1 - bid; of more outcomes nothing follows for outcome 0.
WITH served AS (
    SELECT instrument_id, received_at, sha256, unit_id, page, position, outcome_count, first_place,
           TRY_CAST(f.bestBid AS DECIMAL(9, 6)) AS bid,
           TRY_CAST(f.bestAsk AS DECIMAL(9, 6)) AS ask,
           TRY_CAST(f.lastTradePrice AS DECIMAL(9, 6)) AS last,
           coalesce(TRY_CAST(f.volume AS DECIMAL(18, 6)), TRY_CAST(f.volumeNum AS DECIMAL(18, 6))) AS volume_usd,
           TRY_CAST(f.volume24hr AS DECIMAL(18, 6)) AS volume_24h_usd,
           coalesce(TRY_CAST(f.liquidity AS DECIMAL(18, 6)), TRY_CAST(f.liquidityNum AS DECIMAL(18, 6)))
               AS liquidity_usd,
           TRY_CAST(f.openInterest AS DECIMAL(18, 6)) AS open_interest_usd
    FROM parsed
),
legal AS (
    SELECT * REPLACE (
        CASE WHEN bid > 0 AND bid <= 1 THEN bid END AS bid,
        CASE WHEN ask > 0 AND ask < 1 THEN ask END AS ask,
        CASE WHEN last > 0 AND last <= 1 THEN last END AS last
    )
    FROM served
),
numbers AS (
    SELECT * REPLACE (
        CASE WHEN coalesce(first_place, 0) = 0 THEN bid WHEN outcome_count = 2 THEN 1 - ask END AS bid,
        CASE WHEN coalesce(first_place, 0) = 0 THEN ask WHEN outcome_count = 2 THEN nullif(1 - bid, 0) END AS ask,
        CASE WHEN coalesce(first_place, 0) = 0 THEN last WHEN outcome_count = 2 THEN nullif(1 - last, 0) END AS last
    )
    FROM legal
)
SELECT
    'polymarket' AS venue,
    utc_day(received_at) AS date,
    instrument_id,
    received_at AS observed_at,
    bid AS best_bid,
    ask AS best_ask,
    last AS last_price,
    CASE WHEN volume_usd >= 0 THEN volume_usd END AS volume_usd,
    CASE WHEN volume_24h_usd >= 0 THEN volume_24h_usd END AS volume_24h_usd,
    liquidity_usd,
    open_interest_usd,
    sha256 AS raw_sha256
FROM numbers
QUALIFY row_number() OVER (PARTITION BY instrument_id, received_at ORDER BY unit_id DESC, page DESC, position DESC) = 1
