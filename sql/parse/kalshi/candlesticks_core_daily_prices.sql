-- about: UTC days of Kalshi's 60- and 1-minute candles, and Eastern days of its daily ones (venue_day).
-- grain: instrument_id, date, price_source
-- inputs: parsed
-- A candle is labelled with its inclusive end, so a day D is made of ends in (D 00:00, D+1 00:00]. Candles wholly
-- before or after the asked window are not of it: the venue serves the one that ends where the window starts.
-- A day is complete where the windows together hold all of it, it was over when they were read, and none of its candles
-- was unreadable.
WITH once AS (
    SELECT *, CASE period_minutes WHEN 1440 THEN 'America/New_York' ELSE 'UTC' END AS zone,
           -- A microsecond before its end a candle is inside of its day.
           CAST(make_timestamptz(end_ts * 1000000 - 1) AT TIME ZONE zone AS DATE) AS date
    FROM parsed
    WHERE end_ts > from_ts AND end_ts - period_minutes * 60 < to_ts
    -- A candle projected from before the window (include_latest_before_start) has the end of a real one, no trade.
    QUALIFY row_number() OVER (
        PARTITION BY ticker, period_minutes, end_ts
        ORDER BY received_at DESC, open IS NULL, volume DESC NULLS LAST, unit_id DESC, page DESC, position DESC) = 1
),
days AS (
    SELECT ticker, period_minutes, date,
           arg_min(open, end_ts) AS open,
           max(high) AS high,
           min(low) AS low,
           arg_max(close, end_ts) AS close,
           -- Of the first candle, even where it says NULL; the close of the last.
           arg_min_null(previous_close, end_ts) AS previous_close,
           arg_max_null(bid_close, end_ts) AS bid_close,
           arg_max_null(ask_close, end_ts) AS ask_close,
           fits(sum(volume)) AS volume,
           count(volume) > 0 AND fits(sum(volume)) IS NULL AS is_too_large,
           arg_max_null(open_interest, end_ts) AS open_interest,
           count(*) AS n_samples,
           bool_or(is_old) AS is_old,
           max(received_at) AS observed_at,
           epoch(CAST(date AS TIMESTAMP) AT TIME ZONE any_value(zone)) AS day_from,
           epoch(CAST(date + 1 AS TIMESTAMP) AT TIME ZONE any_value(zone)) AS day_to
    FROM once
    GROUP BY ticker, period_minutes, date
),
windows AS (
    SELECT DISTINCT ticker, period_minutes, from_ts, least(to_ts, epoch(received_at)) AS to_ts
    FROM parsed
),
reached AS (
    SELECT *, max(to_ts) OVER (
                  PARTITION BY ticker, period_minutes ORDER BY from_ts, to_ts
                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM windows
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE before IS NULL OR from_ts > before) OVER (
                  PARTITION BY ticker, period_minutes ORDER BY from_ts, to_ts ROWS UNBOUNDED PRECEDING) AS stretch
    FROM reached
),
stretches AS (
    SELECT ticker, period_minutes, min(from_ts) AS from_ts, max(to_ts) AS to_ts
    FROM numbered
    GROUP BY ticker, period_minutes, stretch
),
lost AS (
    SELECT ticker, period_minutes, bad.date AS date, sum(bad.rows)::BIGINT AS bad_rows
    FROM (SELECT DISTINCT unit_id, page, position, ticker, period_minutes, unnest(bad_days) AS bad FROM parsed)
    GROUP BY ALL
),
covered AS (
    SELECT d.*, s.ticker IS NOT NULL AS is_covered, coalesce(l.bad_rows, 0) AS unread_rows,
           is_covered AND unread_rows = 0 AND NOT is_too_large AS is_complete
    FROM days d
    LEFT JOIN (
        -- A candle without an end may be of any day.
        SELECT d.ticker, d.period_minutes, d.date, sum(l.bad_rows)::BIGINT AS bad_rows
        FROM days d
        JOIN lost l ON l.ticker = d.ticker AND l.period_minutes = d.period_minutes AND (l.date = d.date OR l.date IS NULL)
        GROUP BY ALL
    ) l USING (ticker, period_minutes, date)
    LEFT JOIN stretches s
        ON s.ticker = d.ticker AND s.period_minutes = d.period_minutes
        AND s.from_ts <= d.day_from AND s.to_ts >= d.day_to
)
SELECT
    'kalshi' AS venue,
    date,
    'kalshi:' || ticker AS instrument_id,
    CASE period_minutes WHEN 1440 THEN 'venue_day' ELSE 'candle' END AS price_source,
    open,
    high,
    low,
    close,
    previous_close,
    CASE WHEN bid_close > 0 AND bid_close < 1 THEN bid_close END AS bid_close,
    CASE WHEN ask_close > 0 AND ask_close < 1 THEN ask_close END AS ask_close,
    volume,
    open_interest,
    period_minutes * 60 AS grain_seconds,
    n_samples,
    is_complete,
    CASE WHEN is_old THEN 'kalshi historical/markets/candlesticks' ELSE 'kalshi markets/candlesticks' END AS source,
    observed_at,
    unread_rows,
    CASE
        WHEN unread_rows > 0 THEN unread_reason(unread_rows)
        WHEN NOT is_covered THEN 'the day was not read to its end'
        WHEN is_too_large THEN too_large_reason()
    END AS incomplete_reason
FROM covered
QUALIFY row_number() OVER (
    PARTITION BY ticker, date, price_source ORDER BY is_complete DESC, period_minutes) = 1
