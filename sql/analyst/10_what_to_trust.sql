-- about: which data is not complete?
-- grain: venue, table_name, state
-- inputs: mart.data_quality
-- A day is complete if every minute of it was read and every row was readable; the other states give the reason.
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
