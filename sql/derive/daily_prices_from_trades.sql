-- about: one row per instrument and day made of our own trades; VWAP and volume only from a complete window
-- grain: instrument, date
-- inputs: trades, instruments, history, windows
WITH bounds AS (
    SELECT CAST($day AS TIMESTAMP) AT TIME ZONE 'UTC' AS day_at, CAST($day + 1 AS TIMESTAMP) AT TIME ZONE 'UTC' AS end_at
),

held AS (
    SELECT i.instrument_id, coalesce(min(h.valid_from), min(i.observed_at)) AS first_seen
    FROM instruments i
    LEFT JOIN history h USING (instrument_id)
    GROUP BY i.instrument_id
),

covering AS (
    SELECT w.scope, w.from_at, w.to_at, w.recorded_at
    FROM windows w, bounds b
    WHERE w.table_name = 'core.trades' AND w.state = 'complete' AND w.from_at < b.end_at AND w.to_at > b.day_at
),

-- Complete where one window spans the whole day, or adjoining ones do: the covered length is summed over
-- the merged stretches of an instrument's windows.
stretches AS (
    SELECT
        h.instrument_id,
        greatest(c.from_at, b.day_at) AS from_at,
        least(c.to_at, b.end_at) AS to_at,
        max(least(c.to_at, b.end_at)) OVER (
            PARTITION BY h.instrument_id ORDER BY greatest(c.from_at, b.day_at), least(c.to_at, b.end_at)
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM held h, bounds b, covering c
    WHERE c.scope = 'all' OR c.scope = h.instrument_id OR (c.scope = 'configured' AND c.recorded_at >= h.first_seen)
),

covered AS (
    SELECT instrument_id
    FROM stretches s, bounds b
    GROUP BY instrument_id, b.day_at, b.end_at
    HAVING min(from_at) <= b.day_at AND max(to_at) >= b.end_at
        AND count(*) FILTER (WHERE reached IS NOT NULL AND from_at > reached) = 0
),

-- Block trades are negotiated off the book: outside OHLC and VWAP, inside volume. Weak imports stay out.
prints AS (
    SELECT t.*, t.is_block_trade AS is_block
    FROM trades t
    WHERE t.price_0 IS NOT NULL AND t.identity = 'strong'
)

SELECT
    $venue AS venue,
    $day AS date,
    p.instrument_id,
    'trades' AS price_source,
    CAST(arg_min(price_0, (event_at, trade_id)) FILTER (WHERE NOT is_block) AS DECIMAL(9, 6)) AS open,
    CAST(max(price_0) FILTER (WHERE NOT is_block) AS DECIMAL(9, 6)) AS high,
    CAST(min(price_0) FILTER (WHERE NOT is_block) AS DECIMAL(9, 6)) AS low,
    CAST(arg_max(price_0, (event_at, trade_id)) FILTER (WHERE NOT is_block) AS DECIMAL(9, 6)) AS close,
    CASE WHEN any_value(c.instrument_id) IS NOT NULL THEN exact_ratio(
        sum(to_units(price_0, 12) * to_units(size, 6)) FILTER (WHERE NOT is_block),
        sum(to_units(size, 6)) FILTER (WHERE NOT is_block)
    ) END AS vwap,
    CASE WHEN any_value(c.instrument_id) IS NOT NULL THEN sum(size) END AS volume,
    CASE WHEN any_value(c.instrument_id) IS NOT NULL THEN sum(taker_notional_usd) END AS taker_notional_usd,
    CASE WHEN any_value(c.instrument_id) IS NOT NULL THEN count(*) END AS trades,
    CAST(count(*) AS INTEGER) AS n_samples,
    any_value(c.instrument_id) IS NOT NULL AS is_complete,
    'core.trades' AS source,
    max(observed_at) AS observed_at
FROM prints p
LEFT JOIN covered c USING (instrument_id)
GROUP BY p.instrument_id
