-- about: what trades most now, and how likely the market says it is
-- grain: instrument
-- inputs: mart.market_overview
SELECT display_name AS market, latest_price AS price, bar(latest_price, 0, 1, 20) AS chance, change_1d, volume_24h
FROM mart.market_overview
WHERE status = 'active'
ORDER BY volume_24h DESC NULLS LAST, instrument_id
LIMIT 8
