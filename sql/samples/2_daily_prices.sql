-- about: daily prices of the most traded instrument of each venue, all sources side by side
-- grain: instrument, date, price_source
-- inputs: core.daily_prices, core.trades
-- The sources describe the same day: compare their volumes, never add them.
WITH top AS (
    SELECT instrument_id
    FROM core.trades
    GROUP BY venue, instrument_id
    QUALIFY row_number() OVER (PARTITION BY venue ORDER BY sum(size) DESC, instrument_id) = 1
)

SELECT p.venue, p.instrument_id, p.date, p.price_source, p.open, p.high, p.low, p.close, p.volume, p.is_complete
FROM core.daily_prices AS p
WHERE p.instrument_id IN (FROM top)
ORDER BY p.venue, p.date DESC, p.price_source
LIMIT 12
