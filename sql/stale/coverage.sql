-- about: days of coverage whose expected time differs from the current intents
-- of: mart.coverage
-- grain: date
-- inputs: mart.coverage, core.listener_intents, core.instruments, core.ingest_windows
-- Only completely recorded hours: an incomplete hour makes its day stale by its own rows.
WITH meant AS (
    SELECT
        instrument_id,
        from_at,
        least(to_at, recorded_to) AS to_at,
        unnest(
            generate_series(
                date_trunc('day', from_at AT TIME ZONE 'UTC'),
                least(to_at, recorded_to) AT TIME ZONE 'UTC' - INTERVAL 1 MICROSECOND,
                INTERVAL 1 DAY
            )
        ) AS day
    FROM core.watched_time
    WHERE from_at < least(to_at, recorded_to) AND recorded_to IS NOT NULL
),

expected AS (
    SELECT
        instrument_id,
        CAST(day AS DATE) AS date,
        sum(
            epoch_us(least(to_at AT TIME ZONE 'UTC', day + INTERVAL 1 DAY))
            - epoch_us(greatest(from_at AT TIME ZONE 'UTC', day))
        ) / 1e6 AS seconds
    FROM meant
    GROUP BY instrument_id, day
),

stored AS (
    SELECT c.instrument_id, c.date, sum(c.expected_seconds) AS seconds
    FROM mart.coverage c
    JOIN (SELECT venue, max(recorded_to) AS recorded_to FROM core.watched_time GROUP BY venue) r USING (venue)
    WHERE CAST(c.date AS TIMESTAMP) + to_hours(c.hour + 1) <= r.recorded_to AT TIME ZONE 'UTC'
    GROUP BY c.instrument_id, c.date
)

SELECT DISTINCT date
FROM expected e
FULL JOIN stored s USING (instrument_id, date)
WHERE abs(coalesce(e.seconds, 0) - coalesce(s.seconds, 0)) > 0.001
