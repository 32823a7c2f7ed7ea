-- about: UTC days of the sampled midpoint of outcome 0.
-- grain: instrument_id, date, price_source
-- inputs: parsed
-- Left out: points outside of the asked window (the venue appends one stamped "now"), second points of a time,
-- points after trading ended, and a settlement point at its end. A window is half-open, so that the point at a
-- midnight is the first of its own day and never a stray row of a day that was not asked for.
-- Windows are cut at midnights: a day is complete where one window holds all of it, it was over when read, and none of
-- its points was unreadable.
WITH inside AS (
    SELECT *, CASE outcome_index WHEN 0 THEN price ELSE 1 - price END AS price_0,
           utc_day(as_epoch(CAST(at_ts AS VARCHAR))) AS date
    FROM parsed
    WHERE at_ts >= start_ts AND at_ts < end_ts
      AND (ended_ts IS NULL OR at_ts < ended_ts OR (at_ts = ended_ts AND price NOT IN (0, 1)))
),
one_source AS (
    SELECT * FROM inside
    QUALIFY dense_rank() OVER (PARTITION BY instrument_id ORDER BY outcome_index, source) = 1
),
once AS (
    SELECT *, CAST(floor(at_ts / 86400) AS BIGINT) * 86400 AS day_ts
    FROM one_source
    QUALIFY row_number() OVER (
        PARTITION BY instrument_id, at_ts
        ORDER BY end_ts - start_ts DESC, received_at, unit_id, page, position, place) = 1
),
lost AS (
    SELECT instrument_id, bad.date AS date, sum(bad.rows)::BIGINT AS unread_rows
    FROM (SELECT DISTINCT unit_id, page, position, instrument_id, unnest(bad_days) AS bad FROM parsed)
    GROUP BY ALL
),
days AS (
    SELECT
        instrument_id,
        date,
        arg_min(price_0, at_ts) AS open,
        max(price_0) AS high,
        min(price_0) AS low,
        arg_max(price_0, at_ts) AS close,
        coalesce(max(nullif(resolution_seconds, 0)), max(asked_seconds)) AS grain_seconds,
        count(*) AS n_samples,
        bool_or(start_ts <= day_ts AND least(end_ts, epoch(received_at)) >= day_ts + 86400) AS is_covered,
        any_value(CASE source WHEN 'data_v2' THEN 'data_v2/prices-history' ELSE 'clob/prices-history' END) AS source,
        max(received_at) AS observed_at
    FROM once
    GROUP BY instrument_id, date
),
counted AS (
    -- A point without a time may be of any day.
    SELECT instrument_id, date,
           coalesce((SELECT sum(l.unread_rows) FROM lost l
                     WHERE l.instrument_id = days.instrument_id AND (l.date = days.date OR l.date IS NULL)), 0) AS unread_rows
    FROM days
)
SELECT
    'polymarket' AS venue,
    date,
    instrument_id,
    'mid_sample' AS price_source,
    open,
    high,
    low,
    close,
    grain_seconds,
    n_samples,
    is_covered AND unread_rows = 0 AS is_complete,
    source,
    observed_at,
    unread_rows,
    CASE WHEN NOT is_complete THEN coalesce(unread_reason(unread_rows), 'the day was not read to its end') END
        AS incomplete_reason
FROM days
JOIN counted USING (instrument_id, date)
