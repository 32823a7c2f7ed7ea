-- about: rows that could not be read and are still unread, per instrument and UTC day; the day is not complete for them
-- creates: core.unread_rows
-- grain: venue, table_name, scope, instrument_id, date
-- inputs: core.dead_letters, core.ingest_windows
-- column venue: name of the venue
-- column table_name: the core table
-- column scope: the requested builder code; NULL for tables that are not read by code
-- column instrument_id: the instrument whose rows are missing; NULL: any instrument of the venue
-- column date: UTC day that the missing rows may belong to
-- column unread_rows: number of missing rows
-- column from_at: lower limit of the missing rows within the day, inclusive
-- column to_at: upper limit of the missing rows within the day, exclusive
-- instrument_id is NULL if the row may belong to any instrument of the venue. A dead letter counts on every day that
-- its row may belong to. Dead letters of earlier versions have no time: they count on the days of their unit's windows.
-- Rows of imported files are not part of the venue's feed: they count for no completeness.
WITH letters AS (
    SELECT
        venue,
        table_name,
        unit_id,
        scope,
        instrument_id,
        from_at,
        to_at,
        coalesce(unread_rows, 1) AS unread_rows
    FROM core.dead_letters
    WHERE closed_at IS NULL AND NOT starts_with(endpoint, 'import:')
),

-- Only days that overlap a window of the unit, not the days between two windows.
unit_days AS (
    SELECT
        venue,
        table_name,
        unit_id,
        min(from_at) AS from_at,
        max(to_at) AS to_at,
        day
    FROM (
        SELECT
            *,
            unnest(utc_days(from_at, to_at)) AS day
        FROM core.ingest_windows
        SEMI JOIN (SELECT * FROM letters WHERE from_at IS NULL OR to_at IS NULL) USING (venue, table_name, unit_id)
    )
    GROUP BY venue, table_name, unit_id, day
),

days AS (
    SELECT
        *,
        unnest(utc_days(from_at, to_at)) AS day
    FROM letters
    WHERE from_at < to_at
    UNION ALL BY NAME
    SELECT l.* REPLACE (greatest(l.from_at, u.from_at) AS from_at, least(l.to_at, u.to_at) AS to_at), u.day
    FROM letters l
    JOIN unit_days u USING (venue, table_name, unit_id)
    WHERE (l.from_at IS NULL OR l.to_at IS NULL)
        AND coalesce(l.from_at AT TIME ZONE 'UTC' < u.day + INTERVAL 1 DAY, true)
        AND coalesce(l.to_at AT TIME ZONE 'UTC' > u.day, true)
        AND greatest(l.from_at, u.from_at) < least(l.to_at, u.to_at)
)

SELECT
    venue,
    table_name,
    scope,
    instrument_id,
    CAST(day AS DATE) AS date,
    as_whole(sum(unread_rows)) AS unread_rows,
    greatest(min(from_at), min(day) AT TIME ZONE 'UTC') AS from_at,
    least(max(to_at), (max(day) + INTERVAL 1 DAY) AT TIME ZONE 'UTC') AS to_at
FROM days
GROUP BY venue, table_name, scope, instrument_id, day
ORDER BY ALL
