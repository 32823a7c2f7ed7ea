-- about: how much of each UTC day was read, in minutes: complete, partial, unavailable, or missing (never read)
-- creates: core.coverage_daily
-- grain: venue, table_name, scope, date
-- inputs: core.coverage
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

days AS (
    SELECT
        venue,
        table_name,
        scope,
        unnest(generate_series(date_trunc('day', min(from_at)), max(to_at) - INTERVAL 1 MICROSECOND, INTERVAL 1 DAY)) AS day
    FROM stretches
    GROUP BY venue, table_name, scope
),

pieces AS (
    SELECT
        d.venue,
        d.table_name,
        d.scope,
        d.day,
        s.state,
        s.reason,
        CASE
            WHEN s.state IS NOT NULL
                THEN epoch(least(s.to_at, d.day + INTERVAL 1 DAY) - greatest(s.from_at, d.day)) / 60
        END AS minutes
    FROM days d
    LEFT JOIN stretches s
        ON s.venue = d.venue
        AND s.table_name = d.table_name
        AND s.scope = d.scope
        AND s.from_at < d.day + INTERVAL 1 DAY
        AND s.to_at > d.day
)

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
ORDER BY venue, table_name, scope, date
