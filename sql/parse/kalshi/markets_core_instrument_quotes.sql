-- about: prices, volume and open interest of Kalshi markets as one poll saw them.
-- grain: instrument_id, observed_at
-- inputs: parsed
-- A bid at 0 and an ask at 1 are no quotes (provisional combos show 0 on both sides); a last price of 0 is no trade.
-- A size below 0 or no number is no size (settled markets show such); core.drift counts it with the served text.
-- The venue's liquidity was a constant 0 from February 2026 until it was removed, so 0 is not kept.
WITH quoted AS (
    SELECT *,
           CASE WHEN yes_bid > 0 AND yes_bid < 1 THEN yes_bid END AS best_bid,
           CASE WHEN yes_ask > 0 AND yes_ask < 1 THEN yes_ask END AS best_ask,
           CASE WHEN as_number(f.yes_bid_size_fp) >= 0 THEN as_number(f.yes_bid_size_fp) END AS bid_size,
           CASE WHEN as_number(f.yes_ask_size_fp) >= 0 THEN as_number(f.yes_ask_size_fp) END AS ask_size
    FROM parsed
)
SELECT
    'kalshi' AS venue,
    utc_day(received_at) AS date,
    instrument_id,
    received_at AS observed_at,
    best_bid,
    best_ask,
    CASE WHEN best_bid IS NOT NULL THEN TRY_CAST(bid_size AS DECIMAL(18, 6)) END AS best_bid_size,
    CASE WHEN best_ask IS NOT NULL THEN TRY_CAST(ask_size AS DECIMAL(18, 6)) END AS best_ask_size,
    nullif(last_price, 0) AS last_price,
    TRY_CAST(kalshi_size(f.volume_fp, f.volume) AS DECIMAL(18, 6)) AS volume,
    TRY_CAST(kalshi_size(f.volume_24h_fp, f.volume_24h) AS DECIMAL(18, 6)) AS volume_24h,
    nullif(TRY_CAST(kalshi_price(f.liquidity_dollars, f.liquidity) AS DECIMAL(18, 6)), 0) AS liquidity_usd,
    TRY_CAST(kalshi_size(f.open_interest_fp, f.open_interest) AS DECIMAL(18, 6)) AS open_interest,
    sha256 AS raw_sha256
FROM quoted
QUALIFY row_number() OVER (PARTITION BY instrument_id, received_at ORDER BY unit_id DESC, page DESC, position DESC) = 1
