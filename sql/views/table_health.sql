-- about: tables with the days of theirs that are missing, partial, unavailable, stale or unread: what a health report reads
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
    sum(rows)::BIGINT AS rows,
    sum(late_rows)::BIGINT AS late_rows,
    sum(dead_letters)::BIGINT AS dead_letters,
    sum(unread_rows)::BIGINT AS unread_rows,
    sum(drift_objects)::BIGINT AS drift_objects,
    list(date || ': ' || if(is_unread_over_limit AND state IN ('complete', 'open'), 'unread', state) ORDER BY date) FILTER (
        WHERE state IN ('missing', 'partial', 'unavailable', 'stale') OR is_unread_over_limit
    ) AS failed_days,
    list_sort(list_distinct(flatten(list(reasons) FILTER (WHERE state IN ('partial', 'unavailable'))))) AS reasons
FROM mart.data_quality
GROUP BY venue, table_name
ORDER BY venue, table_name
