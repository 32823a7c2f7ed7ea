-- about: tables with their missing, partial, unavailable, stale or unread days: the input of a health report
-- creates: core.table_health
-- grain: venue, table_name
-- inputs: mart.data_quality
-- column venue: name of the venue
-- column table_name: the core table
-- column is_failed: a day is missing, partial, unavailable or stale, or has too many unread rows
-- column complete_days: days that were read completely
-- column missing_days: past days with minutes that were never read
-- column partial_days: days that were read, but not to the end
-- column unavailable_days: days that the venue does not have
-- column unread_days: days that were read completely and have unread rows
-- column is_stale: the table was last read too long ago
-- column last_read_at: end of the latest read
-- column rows: stored rows
-- column late_rows: rows first observed more than ECHELON_LATE_HOURS after their day
-- column dead_letters: payloads that could not be parsed
-- column unread_rows: rows that could not be read and were not read later
-- column drift_objects: objects with a field or value that the parsers do not know
-- column failed_days: the days that make is_failed true, each with its state
-- column reasons: why days are partial or unavailable
SELECT
    venue,
    table_name,
    count(*) FILTER (WHERE state IN ('missing', 'partial', 'unavailable', 'stale') OR is_unread_over_limit) > 0 AS is_failed,
    count(*) FILTER (WHERE state = 'complete') AS complete_days,
    count(*) FILTER (WHERE state = 'missing') AS missing_days,
    count(*) FILTER (WHERE state = 'partial') AS partial_days,
    count(*) FILTER (WHERE state = 'unavailable') AS unavailable_days,
    count(*) FILTER (WHERE state = 'unread') AS unread_days,
    count(*) FILTER (WHERE state = 'stale') > 0 AS is_stale,
    max(last_read_at) AS last_read_at,
    as_whole(sum(rows)) AS rows,
    as_whole(sum(late_rows)) AS late_rows,
    as_whole(sum(dead_letters)) AS dead_letters,
    as_whole(sum(unread_rows)) AS unread_rows,
    as_whole(sum(drift_objects)) AS drift_objects,
    list(
        date || ': ' || CASE WHEN is_unread_over_limit AND state IN ('complete', 'open') THEN 'unread' ELSE state END
        ORDER BY date
    ) FILTER (
        WHERE state IN ('missing', 'partial', 'unavailable', 'stale') OR is_unread_over_limit
    ) AS failed_days,
    list_sort(list_distinct(flatten(list(reasons) FILTER (WHERE state IN ('partial', 'unavailable'))))) AS reasons
FROM mart.data_quality
GROUP BY venue, table_name
ORDER BY venue, table_name
