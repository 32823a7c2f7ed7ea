-- about: what ends within three days and is still open?
-- grain: instrument
-- inputs: mart.market_overview
-- Spread and price are of outcome 0; quality_flags lists problems of the row.
SELECT display_name, venue, ends_at, best_bid, best_ask, spread, latest_price, quality_flags
FROM mart.market_overview
WHERE status = 'active' AND NOT is_combo
    AND ends_at > as_of_at AND ends_at <= as_of_at + INTERVAL 3 DAY
    AND latest_price BETWEEN 0.1 AND 0.9
ORDER BY ends_at, volume_7d DESC NULLS LAST, instrument_id
LIMIT 10
