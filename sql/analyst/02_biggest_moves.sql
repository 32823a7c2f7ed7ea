-- about: what moved most since yesterday's close?
-- grain: instrument
-- inputs: mart.market_overview
-- Both prices of a change are from one price source: without a price of that source on the day before there is no
-- change. change_7d and change_30d are available if there is enough history.
SELECT
    display_name,
    venue,
    price_source,
    latest_price - change_1d AS yesterday,
    latest_price,
    change_1d,
    volume_24h,
    quality_flags
FROM mart.market_overview
WHERE change_1d IS NOT NULL AND status = 'active'
ORDER BY abs(change_1d) DESC, instrument_id
LIMIT 10
