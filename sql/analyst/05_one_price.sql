-- about: how did the price of the most traded instrument develop, day by day?
-- grain: date, price_source
-- inputs: mart.price_trends, mart.market_overview
-- Sources are shown next to each other and are never mixed. Changes are in dollars, between days that both have a fresh
-- price.
SELECT date, price_source, close, change, round(mean_short, 4) AS mean_short, days_short, drawdown, regime, is_complete
FROM mart.price_trends
WHERE instrument_id = (
    SELECT instrument_id FROM mart.market_overview ORDER BY volume_7d DESC NULLS LAST, instrument_id LIMIT 1
)
ORDER BY date DESC, price_source
LIMIT 14
