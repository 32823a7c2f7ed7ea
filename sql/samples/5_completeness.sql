-- about: completeness: the intervals that were read, and their state
-- grain: venue, table_name, state
-- inputs: core.ingest_windows
SELECT
    venue,
    table_name,
    state,
    count(DISTINCT scope) AS scopes,
    min(from_at) AS from_at,
    max(to_at) AS to_at,
    sum(rows) AS rows,
    sum(dead_letters) AS dead_letters,
    sum(filtered_out) AS filtered_out
FROM core.ingest_windows
GROUP BY ALL
ORDER BY venue, table_name, state
