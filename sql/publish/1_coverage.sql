-- about: every interval that was ever read, with the state of the last window over it
-- creates: core.coverage
-- grain: venue, table_name, scope, from_at
-- inputs: core.ingest_windows
-- column venue: name of the venue
-- column table_name: the core table
-- column scope: what was requested: all, configured, an instrument, a builder code, a file
-- column from_at: inclusive; an interval ends at midnight UTC at the latest
-- column to_at: exclusive
-- column state: complete, partial or unavailable, according to the window that was recorded last
-- column reason: why it is not complete, or which members of a complete one could not be read
-- column recorded_at: when the last window over the interval was committed
-- Listings are excluded: they show a point in time, not an interval. Windows are first split at midnights, so that the
-- join compares windows of one day only (a year of 15-minute windows would otherwise be 35,000 x 70,000).
WITH days AS (
    SELECT *, unnest(generate_series(date_trunc('day', from_at), to_at - INTERVAL 1 MICROSECOND, INTERVAL 1 DAY)) AS day
    FROM core.ingest_windows
    WHERE scope NOT LIKE 'listings:%'
),

pieces AS (
    SELECT
        * REPLACE (greatest(from_at, day) AS from_at, least(to_at, day + INTERVAL 1 DAY) AS to_at),
        from_at AS window_from
    FROM days
),

points AS (
    SELECT venue, table_name, scope, day, from_at AS edge FROM pieces
    UNION
    SELECT venue, table_name, scope, day, to_at AS edge FROM pieces
),

segments AS (
    SELECT *, lead(edge) OVER (PARTITION BY venue, table_name, scope, day ORDER BY edge) AS until
    FROM points
),

judged AS (
    SELECT
        s.venue,
        s.table_name,
        s.scope,
        s.edge AS from_at,
        s.until AS to_at,
        arg_max(
            {'state': p.state, 'reason': p.reason, 'recorded_at': p.recorded_at},
            (p.recorded_at, p.unit_id, p.window_from)
        ) AS last
    FROM segments s
    JOIN pieces p USING (venue, table_name, scope, day)
    WHERE s.until IS NOT NULL AND p.from_at <= s.edge AND s.edge < p.to_at
    GROUP BY ALL
),

marked AS (
    SELECT
        venue,
        table_name,
        scope,
        from_at,
        to_at,
        last,
        lag(to_at) OVER w IS DISTINCT FROM from_at OR lag(last) OVER w IS DISTINCT FROM last AS is_first
    FROM judged
    WINDOW w AS (PARTITION BY venue, table_name, scope ORDER BY from_at)
),

islands AS (
    SELECT *, sum(is_first::INTEGER) OVER (PARTITION BY venue, table_name, scope ORDER BY from_at) AS island
    FROM marked
)

SELECT
    venue,
    table_name,
    scope,
    min(from_at) AS from_at,
    max(to_at) AS to_at,
    any_value(last.state) AS state,
    any_value(last.reason) AS reason,
    any_value(last.recorded_at) AS recorded_at
FROM islands
GROUP BY venue, table_name, scope, island
ORDER BY venue, table_name, scope, from_at
