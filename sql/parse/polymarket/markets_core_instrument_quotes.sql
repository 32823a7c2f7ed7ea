-- about: as-of-now prices and volumes of a poll. Bid 0, ask 1 and last price 0 are the venue's way to say none.
-- grain: instrument_id, observed_at
-- inputs: parsed
WITH numbers AS (
    SELECT instrument_id, received_at, sha256, unit_id, page, position,
           TRY_CAST(f.bestBid AS DECIMAL(9, 6)) AS bid,
           TRY_CAST(f.bestAsk AS DECIMAL(9, 6)) AS ask,
           TRY_CAST(f.lastTradePrice AS DECIMAL(9, 6)) AS last,
           coalesce(TRY_CAST(f.volume AS DECIMAL(18, 6)), TRY_CAST(f.volumeNum AS DECIMAL(18, 6))) AS volume_usd,
           TRY_CAST(f.volume24hr AS DECIMAL(18, 6)) AS volume_24h_usd,
           coalesce(TRY_CAST(f.liquidity AS DECIMAL(18, 6)), TRY_CAST(f.liquidityNum AS DECIMAL(18, 6)))
               AS liquidity_usd,
           TRY_CAST(f.openInterest AS DECIMAL(18, 6)) AS open_interest_usd
    FROM parsed
)
SELECT
    'polymarket' AS venue,
    utc_day(received_at) AS date,
    instrument_id,
    received_at AS observed_at,
    CASE WHEN bid > 0 AND bid <= 1 THEN bid END AS best_bid,
    CASE WHEN ask > 0 AND ask < 1 THEN ask END AS best_ask,
    CASE WHEN last > 0 AND last <= 1 THEN last END AS last_price,
    CASE WHEN volume_usd >= 0 THEN volume_usd END AS volume_usd,
    CASE WHEN volume_24h_usd >= 0 THEN volume_24h_usd END AS volume_24h_usd,
    liquidity_usd,
    open_interest_usd,
    sha256 AS raw_sha256
FROM numbers
QUALIFY row_number() OVER (PARTITION BY instrument_id, received_at ORDER BY unit_id DESC, page DESC, position DESC) = 1
