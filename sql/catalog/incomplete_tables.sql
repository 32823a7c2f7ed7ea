-- about: the tables that venues feed, and which of their days are not complete
-- grain: table_name
-- inputs: core.table_health
SELECT
    table_name,
    string_agg(
        venue || ': ' || len(failed_days) || ' of ' || complete_days + missing_days + partial_days + unavailable_days
        || ' days are not complete' || CASE WHEN is_stale THEN ', and the table was last read too long ago' ELSE '' END,
        '; ' ORDER BY venue
    ) FILTER (WHERE is_failed) AS incomplete_reason
FROM core.table_health
GROUP BY table_name
