-- about: days of our own trades whose prices have another number of unread rows than the current one
-- grain: date
-- inputs: prices, unread
-- Walks of other steps and days open and close dead letters; rows of earlier versions have no number.
WITH by_now AS (
    SELECT instrument_id, date, sum(unread_rows) AS unread_rows
    FROM unread
    GROUP BY instrument_id, date
)

SELECT DISTINCT p.date
FROM prices p
LEFT JOIN by_now o USING (instrument_id, date)
LEFT JOIN by_now a ON p.date = a.date AND a.instrument_id IS NULL
WHERE p.price_source = 'trades' AND p.source = 'core.trades'
    AND coalesce(p.unread_rows, 0) <> coalesce(o.unread_rows, 0) + coalesce(a.unread_rows, 0)
ORDER BY p.date
