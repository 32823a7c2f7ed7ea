-- about: minutes of each UTC day that were read to the end (complete), read in part, unavailable or missing, and the rows that could not be read
-- creates: core.coverage_daily
-- grain: venue, table_name, scope, date
-- inputs: core.coverage, core.unread_rows
-- column scope: the scope of is_complete: all is the venue's whole feed; configured is the instruments known at the time of reading, without combos; for fills it is the builder code
-- column complete_minutes: minutes read to the end; minutes with unread rows are included
-- column unread_rows: rows of the day that could not be read and are still unread
-- column is_complete: every row of the scope and day was read; rows outside the scope do not matter
-- column incomplete_reason: why is_complete is false
-- column venue: name of the venue
-- column table_name: the core table
-- column date: UTC day
-- column partial_minutes: minutes read, but not to the end
-- column unavailable_minutes: minutes that the venue does not have
-- column missing_minutes: minutes that were never read
-- column reasons: why minutes are partial or unavailable
-- Times are converted to UTC timestamps first: days are UTC days in a session of any time zone.
-- Scope all is the venue's whole feed, configured is every instrument known at the time of reading; fills are read by
-- builder code.
WITH stretches AS (
    SELECT
        venue,
        table_name,
        scope,
        from_at AT TIME ZONE 'UTC' AS from_at,
        to_at AT TIME ZONE 'UTC' AS to_at,
        state,
        reason
    FROM core.coverage
    WHERE scope IN ('all', 'configured') OR table_name = 'core.fills'
),

read_days AS (
    SELECT
        *,
        unnest(generate_series(date_trunc('day', from_at), to_at - INTERVAL 1 MICROSECOND, INTERVAL 1 DAY)) AS day
    FROM stretches
),

-- Days without any reading between two intervals.
holes AS (
    SELECT
        venue,
        table_name,
        scope,
        unnest(generate_series(date_trunc('day', to_at), next_from - INTERVAL 1 MICROSECOND, INTERVAL 1 DAY)) AS day
    FROM (
        SELECT *, lead(from_at) OVER (PARTITION BY venue, table_name, scope ORDER BY from_at) AS next_from
        FROM stretches
    )
    WHERE next_from <= to_at + longest_hole_days() * INTERVAL 1 DAY
),

pieces AS (
    SELECT
        venue,
        table_name,
        scope,
        day,
        state,
        reason,
        epoch(least(to_at, day + INTERVAL 1 DAY) - greatest(from_at, day)) / 60 AS minutes
    FROM read_days
    UNION ALL BY NAME
    SELECT * FROM holes
),

lost AS (
    SELECT venue, table_name, date, scope, as_whole(sum(unread_rows)) AS unread_rows
    FROM core.unread_rows
    GROUP BY venue, table_name, date, scope
),

counted AS (
    SELECT
        venue,
        table_name,
        scope,
        CAST(day AS DATE) AS date,
        coalesce(sum(minutes) FILTER (WHERE state = 'complete'), 0) AS complete_minutes,
        coalesce(sum(minutes) FILTER (WHERE state = 'partial'), 0) AS partial_minutes,
        coalesce(sum(minutes) FILTER (WHERE state = 'unavailable'), 0) AS unavailable_minutes,
        1440 - coalesce(sum(minutes), 0) AS missing_minutes,
        list_sort(list(DISTINCT reason) FILTER (WHERE reason IS NOT NULL)) AS reasons
    FROM pieces
    GROUP BY venue, table_name, scope, day
),

-- Fills are read by builder code: a row that is unread for one is not missing for another. Without a scope it may be of
-- any. One join: over two outer joins with an empty side, DuckDB 2.0 ignores a LIMIT.
judged AS (
    SELECT c.*, as_whole(coalesce(sum(l.unread_rows), 0)) AS unread_rows
    FROM counted c
    LEFT JOIN lost l
        ON
        c.venue = l.venue
        AND c.table_name = l.table_name
        AND c.date = l.date
        AND (c.scope = l.scope OR l.scope IS NULL)
    GROUP BY ALL
)

SELECT
    *,
    complete_minutes > 1439.999 AND unread_rows = 0 AS is_complete,
    CASE
        WHEN unread_rows > 0 THEN unread_reason(unread_rows)
        WHEN NOT is_complete THEN concat_ws(
            ': ',
            CAST(CAST(floor(complete_minutes) AS BIGINT) AS VARCHAR) || ' of 1440 minutes were read completely',
            nullif(array_to_string(reasons, '; '), '')
        )
    END AS incomplete_reason
FROM judged
ORDER BY venue, table_name, scope, date
