-- about: the ten active instruments with the largest price change since yesterday's close, each from one price source
-- grain: instrument
-- inputs: mart.market_overview
SELECT venue, category, display_name, latest_price, change_1d, price_source, volume_24h, spread
FROM mart.market_overview
WHERE status = 'active' AND volume_24h > 0 AND change_1d IS NOT NULL
ORDER BY abs(change_1d) DESC, volume_24h DESC, instrument_id
LIMIT 10
