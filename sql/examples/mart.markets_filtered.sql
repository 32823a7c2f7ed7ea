-- about: the first page of active sports markets
-- grain: instrument
-- inputs: mart.markets_filtered
SELECT display_name, latest_price, volume_24h, spread
FROM mart.markets_filtered(category := 'Sports', status := 'active', page_size := 10)
