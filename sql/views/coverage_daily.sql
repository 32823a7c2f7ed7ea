-- about: how much of each UTC day was walked to its end, in minutes (complete, partial, unavailable, missing), and what of it could not be read
-- creates: core.coverage_daily
-- grain: venue, table_name, scope, date
-- inputs: core.coverage, core.unread_rows
-- column scope: what is_complete speaks of: all is the venue's whole feed; configured the instruments that were held when it was read, without combos; for fills the builder code
-- column complete_minutes: walked to the end; rows that could not be read are not taken off
-- column unread_rows: rows of the day that could not be read and have not been read since
-- column is_complete: every row of the scope and day was read; it says nothing of what lies outside of the scope
-- Times are taken apart from their zone first: days are UTC whatever zone the reader's session has.
-- Scope all is the venue's whole feed, configured is every instrument that was held when it was read; fills are read
-- code by code.
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

-- Days between two stretches that nothing was read of.
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

-- Fills are read code by code: what is unread for one is not missing for another. Without a scope it may be of any.
judged AS (
    SELECT c.*, as_whole(coalesce(own.unread_rows, 0)::HUGEINT + coalesce(anyone.unread_rows, 0)) AS unread_rows
    FROM counted c
    LEFT JOIN lost own
        ON c.venue = own.venue AND c.table_name = own.table_name AND c.date = own.date AND c.scope = own.scope
    LEFT JOIN lost anyone
        ON c.venue = anyone.venue AND c.table_name = anyone.table_name AND c.date = anyone.date AND anyone.scope IS NULL
)

SELECT *, complete_minutes > 1439.999 AND unread_rows = 0 AS is_complete
FROM judged
ORDER BY venue, table_name, scope, date
