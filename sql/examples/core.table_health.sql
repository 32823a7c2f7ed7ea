-- about: tables with a problem
-- grain: venue, table
-- inputs: core.table_health
SELECT venue, table_name, failed_days, reasons
FROM core.table_health
WHERE is_failed
ORDER BY venue, table_name
