-- about: days of trades that are not complete
-- grain: venue, day
-- inputs: core.coverage_daily
SELECT venue, date, complete_minutes, missing_minutes, unread_rows, reasons
FROM core.coverage_daily
WHERE table_name = 'core.trades' AND NOT is_complete
ORDER BY date DESC, venue
