-- about: days of trade_volume whose number of unread rows differs from the current one
-- of: mart.trade_volume
-- grain: date
-- inputs: mart.trade_volume, core.dead_letters, core.ingest_windows
WITH by_now AS (
    SELECT venue, instrument_id, date, sum(unread_rows) AS unread_rows
    FROM core.unread_rows
    WHERE table_name = 'core.trades'
    GROUP BY venue, instrument_id, date
)

SELECT DISTINCT v.date
FROM mart.trade_volume v
LEFT JOIN by_now o USING (venue, instrument_id, date)
LEFT JOIN by_now a ON v.venue = a.venue AND v.date = a.date AND a.instrument_id IS NULL
WHERE coalesce(v.unread_rows, 0) <> coalesce(o.unread_rows, 0) + coalesce(a.unread_rows, 0)
