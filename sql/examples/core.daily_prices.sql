-- about: daily prices of the most traded instrument, from one source
-- grain: day
-- inputs: core.daily_prices, mart.trade_volume
SELECT date, open, high, low, close, vwap, volume, is_complete
FROM core.daily_prices
WHERE
    price_source = 'trades'
    AND instrument_id = (SELECT instrument_id FROM mart.trade_volume ORDER BY contracts DESC NULLS LAST LIMIT 1)
ORDER BY date
