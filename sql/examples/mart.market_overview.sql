-- about: what trades most now
-- grain: instrument
-- inputs: mart.market_overview
SELECT display_name, latest_price, change_1d, volume_24h, spread, quality_flags
FROM mart.market_overview
WHERE status = 'active'
ORDER BY volume_24h DESC NULLS LAST
LIMIT 10
