-- about: the prices of an instrument with their trend, from one source
-- grain: day
-- inputs: mart.price_trends
SELECT *
FROM mart.price_trends
WHERE price_source = 'trades' AND instrument_id = (SELECT max(instrument_id) FROM mart.price_trends)
ORDER BY date
