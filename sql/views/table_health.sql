-- about: tables with their missing, partial, unavailable, stale or unread days: the input of a health report
-- creates: core.table_health
-- grain: venue, table_name
-- inputs: mart.data_quality
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
