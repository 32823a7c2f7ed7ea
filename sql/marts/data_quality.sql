-- about: rows, late rows, dead letters, unknown fields and what was read, per table and UTC day
-- creates: mart.data_quality
-- grain: venue, table_name, date
-- partition: none
-- inputs: core.coverage_daily
-- lookups: counted_tables, core.unread_rows, core.dead_letters, core.drift, core.ingest_windows
-- counted_tables, counted_rows, event_times, endpoints and listed_tables are filled in by
-- echelon_pipeline/marts/quality.py: one arm per table or endpoint.
-- Every unit of work ends with a window, so a new window is when to look again. Each table is aggregated once, over
-- its day and our clock only: 50 million trades take a second; with the venue's clock they took seven, so that is
-- read of the last 8 days only.
WITH counted AS (
    -- What has no day of its own counts on the day on which it was seen; it cannot be late.
    SELECT * FROM counted_rows
),

happened AS (
    SELECT * FROM event_times
),

letters AS (
    SELECT venue, table_name, utc_day(observed_at) AS date, count(*) AS dead_letters
    FROM core.dead_letters
    GROUP BY ALL
),

unread AS (
    SELECT venue, table_name, date, as_whole(sum(unread_rows)) AS unread_rows
    FROM core.unread_rows
    GROUP BY venue, table_name, date
),

drifts AS (
    SELECT
        d.venue,
        coalesce(e.table_name, 'raw.objects') AS table_name,
        utc_day(d.observed_at) AS date,
        as_whole(sum(d.objects)) AS drift_objects,
        count(DISTINCT (d.endpoint, d.path, d.kind)) AS drift_fields
    FROM core.drift d
    LEFT JOIN (SELECT * FROM endpoints) e USING (venue, endpoint)
    GROUP BY ALL
),

today AS (
    SELECT utc_day(CAST($now AS TIMESTAMPTZ)) AS date
),

covered AS (
    -- A table may have been read as a whole feed and instrument by instrument: the better of the two counts. Fills are
    -- read code by code, and a day is no better than its worst code.
    SELECT *
    FROM core.coverage_daily
    WHERE scope IN ('all', 'configured') OR table_name = 'core.fills'
    QUALIFY row_number() OVER (
        PARTITION BY venue, table_name, date
        ORDER BY
            if(table_name = 'core.fills', -complete_minutes, complete_minutes) DESC,
            if(table_name = 'core.fills', -partial_minutes, partial_minutes) DESC,
            scope
    ) = 1
),

windows AS (
    -- Some windows reach to the end of a day that is not over.
    SELECT venue, table_name, max(least(to_at, recorded_at)) FILTER (WHERE state <> 'unavailable') AS last_read_at
    FROM core.ingest_windows
    WHERE table_name LIKE 'core.%'
    GROUP BY venue, table_name
),

reads AS (
    -- Listings fill further tables under the windows of core.instruments.
    SELECT w.venue, coalesce(l.table_name, w.table_name) AS table_name, max(w.last_read_at) AS last_read_at
    FROM windows w
    LEFT JOIN (SELECT * FROM listed_tables) l ON w.table_name = 'core.instruments'
    GROUP BY ALL
),

claims AS (
    -- From the first day that was ever read to today: days after the last one read are missing, not absent.
    SELECT
        venue,
        table_name,
        unnest(generate_series(date, if(next_date - date <= longest_hole_days(), next_date - 1, date), INTERVAL 1 DAY))::DATE AS date
    FROM (
        SELECT *, lead(date) OVER (PARTITION BY venue, table_name ORDER BY date) AS next_date
        FROM (
            SELECT venue, table_name, date FROM covered
            UNION
            SELECT venue, table_name, t.date
            FROM covered
            CROSS JOIN today t
            GROUP BY venue, table_name, t.date
            HAVING min(covered.date) <= t.date
        )
    )
),

spine AS (
    SELECT venue, table_name, date FROM counted
    UNION
    SELECT venue, table_name, date FROM letters
    UNION
    SELECT venue, table_name, date FROM unread
    UNION
    SELECT venue, table_name, date FROM drifts
    UNION
    SELECT venue, table_name, date FROM claims
    UNION
    SELECT venue, table_name, (SELECT date FROM today) AS date FROM reads
),

minutes AS (
    SELECT
        venue,
        table_name,
        s.date,
        c.scope,
        c.reasons,
        k.date IS NOT NULL AS is_claimed,
        coalesce(c.complete_minutes, 0) AS complete_minutes,
        coalesce(c.partial_minutes, 0) AS partial_minutes,
        coalesce(c.unavailable_minutes, 0) AS unavailable_minutes,
        round(
            greatest(0, least(1440, epoch(CAST($now AS TIMESTAMPTZ) AT TIME ZONE 'UTC' - CAST(s.date AS TIMESTAMP)) / 60))
            - coalesce(c.complete_minutes + c.partial_minutes + c.unavailable_minutes, 0),
            6
        ) AS unread_minutes
    FROM spine s
    LEFT JOIN claims k USING (venue, table_name, date)
    LEFT JOIN covered c USING (venue, table_name, date)
)

SELECT
    venue,
    table_name,
    date,
    coalesce(c.rows, 0) AS rows,
    c.late_rows,
    coalesce(l.dead_letters, 0) AS dead_letters,
    coalesce(d.drift_objects, 0) AS drift_objects,
    coalesce(d.drift_fields, 0) AS drift_fields,
    h.latest_event_at,
    c.latest_observed_at,
    r.last_read_at,
    m.scope,
    CASE WHEN m.is_claimed THEN m.complete_minutes END AS complete_minutes,
    CASE WHEN m.is_claimed THEN m.partial_minutes END AS partial_minutes,
    CASE WHEN m.is_claimed THEN m.unavailable_minutes END AS unavailable_minutes,
    CASE WHEN m.is_claimed THEN greatest(m.unread_minutes, 0) END AS missing_minutes,
    m.reasons,
    CASE
        WHEN date >= (SELECT t.date FROM today t)
            THEN CASE
                WHEN r.last_read_at < CAST($now AS TIMESTAMPTZ) - to_hours($stale_hours) THEN 'stale'
                WHEN r.last_read_at IS NOT NULL THEN 'open'
            END
        WHEN NOT m.is_claimed THEN NULL
        WHEN m.unread_minutes > 0 THEN 'missing'
        WHEN m.partial_minutes > 0 THEN 'partial'
        WHEN m.unavailable_minutes > 0 THEN 'unavailable'
        WHEN u.unread_rows > 0 THEN 'unread'
        ELSE 'complete'
    END AS state,
    coalesce(u.unread_rows, 0) AS unread_rows,
    u.unread_rows::DOUBLE / nullif(coalesce(c.rows, 0)::HUGEINT + u.unread_rows, 0)::DOUBLE AS unread_share,
    coalesce(unread_share > $max_unread_share, false) AS is_unread_over_limit
FROM minutes m
LEFT JOIN counted c USING (venue, table_name, date)
LEFT JOIN happened h USING (venue, table_name, date)
LEFT JOIN letters l USING (venue, table_name, date)
LEFT JOIN unread u USING (venue, table_name, date)
LEFT JOIN drifts d USING (venue, table_name, date)
LEFT JOIN reads r USING (venue, table_name)
