-- about: what is traded most, and at what price?
-- grain: instrument
-- inputs: mart.market_overview
-- volume_7d is computed from the trades that were read, venue_volume_24h is the venue's own figure.
SELECT display_name, venue, category, latest_price, change_7d, volume_7d, volume_7d_is_complete AS complete, ends_at
FROM mart.market_overview
WHERE status = 'active' AND volume_7d IS NOT NULL
ORDER BY volume_7d DESC, instrument_id
LIMIT 10
