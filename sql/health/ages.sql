-- about: when each table of a venue was last read, completely or in part
-- grain: venue, table_name
-- inputs: windows (core.ingest_windows)
SELECT venue, table_name, max(recorded_at) AS read_at
FROM windows
WHERE state <> 'unavailable' AND table_name LIKE 'core.%'
GROUP BY venue, table_name
ORDER BY venue, table_name
