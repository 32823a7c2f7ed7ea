-- about: what may I not rely on?
-- grain: venue, table_name, state
-- inputs: mart.data_quality
-- A day is complete where every minute of it was walked and every row was read, the others say why not.
SELECT
    venue,
    table_name,
    state,
    count(*) AS days,
    min(date) AS first_day,
    max(date) AS last_day,
    sum(rows) AS rows,
    sum(late_rows) AS late_rows,
    sum(dead_letters) AS dead_letters,
    sum(unread_rows) AS unread_rows
FROM mart.data_quality
GROUP BY ALL
ORDER BY venue, table_name, state
LIMIT 20
