-- about: rows that could not be read and have not been read since, per instrument and UTC day: what is not claimed
-- creates: core.unread_rows
-- grain: venue, table_name, scope, instrument_id, date
-- inputs: core.dead_letters, core.ingest_windows
-- instrument_id is NULL where the row may be any of the venue's. A letter counts on every day that its row can belong
-- to. Letters of earlier versions have no time: they count on the days of their unit's windows. Rows of an imported
-- file are not the venue's feed, and nothing is claimed of them.
WITH spans AS (
    SELECT venue, table_name, unit_id, min(from_at) AS from_at, max(to_at) AS to_at
    FROM core.ingest_windows
    GROUP BY venue, table_name, unit_id
),

letters AS (
    SELECT
        l.venue,
        l.table_name,
        l.scope,
        l.instrument_id,
        coalesce(l.from_at, s.from_at) AS from_at,
        coalesce(l.to_at, s.to_at) AS to_at,
        coalesce(l.unread_rows, 1) AS unread_rows
    FROM core.dead_letters l
    LEFT JOIN spans s USING (venue, table_name, unit_id)
    WHERE l.closed_at IS NULL AND NOT starts_with(l.endpoint, 'import:')
),

days AS (
    SELECT
        *,
        unnest(
            generate_series(
                date_trunc('day', from_at AT TIME ZONE 'UTC'),
                to_at AT TIME ZONE 'UTC' - INTERVAL 1 MICROSECOND,
                INTERVAL 1 DAY
            )
        ) AS day
    FROM letters
    WHERE from_at < to_at
)

SELECT
    venue,
    table_name,
    scope,
    instrument_id,
    CAST(day AS DATE) AS date,
    sum(unread_rows)::BIGINT AS unread_rows,
    greatest(min(from_at), min(day) AT TIME ZONE 'UTC') AS from_at,
    least(max(to_at), (max(day) + INTERVAL 1 DAY) AT TIME ZONE 'UTC') AS to_at
FROM days
GROUP BY venue, table_name, scope, instrument_id, day
ORDER BY ALL
