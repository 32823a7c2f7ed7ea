-- about: one row per instrument and day from our own trades; VWAP and volume only for days that were read completely
-- grain: instrument, date
-- inputs: trades, held, windows, unread
WITH bounds AS (
    SELECT CAST($day AS TIMESTAMP) AT TIME ZONE 'UTC' AS day_at, CAST($day + 1 AS TIMESTAMP) AT TIME ZONE 'UTC' AS end_at
),

recorded AS (
    SELECT
        w.scope,
        w.state,
        greatest(w.from_at, b.day_at) AS from_at,
        least(w.to_at, b.end_at) AS to_at,
        w.recorded_at,
        w.unit_id
    FROM windows w, bounds b
    WHERE w.table_name = 'core.trades' AND w.from_at < b.end_at AND w.to_at > b.day_at
),

-- A window that a later partial window reopens does not count.
days AS (
    SELECT scope, from_at, to_at, recorded_at
    FROM (FROM recorded WHERE state = 'complete') w
    ANTI JOIN (FROM recorded WHERE state = 'partial') p
        ON p.scope = w.scope
        AND p.from_at < w.to_at
        AND p.to_at > w.from_at
        AND (p.recorded_at, p.unit_id) > (w.recorded_at, w.unit_id)
),

covering AS (
    SELECT h.instrument_id, d.from_at, d.to_at
    FROM held h
    JOIN days d ON d.scope = 'all' OR (d.scope = 'configured' AND d.recorded_at >= h.held_at)
    UNION ALL
    SELECT h.instrument_id, d.from_at, d.to_at
    FROM held h
    JOIN days d ON d.scope = h.instrument_id
),

-- Complete where one window, or several adjoining ones, span the whole day.
stretches AS (
    SELECT
        *,
        max(to_at) OVER (
            PARTITION BY instrument_id ORDER BY from_at, to_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM covering
),

covered AS (
    SELECT instrument_id
    FROM stretches s, bounds b
    GROUP BY instrument_id, b.day_at, b.end_at
    HAVING min(from_at) <= b.day_at AND max(to_at) >= b.end_at
        AND count(*) FILTER (WHERE reached IS NOT NULL AND from_at > reached) = 0
),

-- Rows that could not be read: of this instrument, or of an unknown one.
lost AS (
    SELECT
        coalesce(sum(unread_rows) FILTER (instrument_id IS NULL), 0) AS any_rows,
        map_from_entries(list((instrument_id, unread_rows)) FILTER (instrument_id IS NOT NULL)) AS own_rows
    FROM (SELECT instrument_id, sum(unread_rows) AS unread_rows FROM unread WHERE date = $day GROUP BY instrument_id)
),

-- Block trades are negotiated off the book: outside OHLC and VWAP, inside volume. Weak imports stay out. A print
-- whose outcome we did not know when it was read has no price of outcome 0: then the day is not complete.
prints AS (
    SELECT
        t.*,
        t.is_block_trade AS is_block,
        bool_and(t.price_0 IS NOT NULL) OVER (PARTITION BY t.instrument_id) AS is_mapped
    FROM trades t
    WHERE t.identity = 'strong'
),

judged AS (
    SELECT
        p.*,
        c.instrument_id IS NOT NULL AS is_covered,
        l.any_rows + coalesce(l.own_rows[p.instrument_id], 0) AS unread_rows,
        p.is_mapped AND is_covered AND unread_rows = 0 AS is_complete
    FROM prints p
    LEFT JOIN covered c USING (instrument_id)
    CROSS JOIN lost l
    WHERE p.price_0 IS NOT NULL
),

-- A total that fits no column is NULL, and its day is not complete.
summed AS (
    SELECT
        instrument_id,
        arg_min(price_0, (event_at, trade_id)) FILTER (WHERE NOT is_block) AS open,
        max(price_0) FILTER (WHERE NOT is_block) AS high,
        min(price_0) FILTER (WHERE NOT is_block) AS low,
        arg_max(price_0, (event_at, trade_id)) FILTER (WHERE NOT is_block) AS close,
        sum(to_units(price_0, 12) * to_units(size, 6)) FILTER (WHERE NOT is_block) AS notional_units,
        sum(to_units(size, 6)) FILTER (WHERE NOT is_block) AS size_units,
        fits(sum(size)) AS volume,
        fits(sum(taker_notional_usd)) AS taker_notional_usd,
        count(*) AS trades,
        any_value(is_complete) AND fits(sum(size)) IS NOT NULL AND fits(sum(taker_notional_usd)) IS NOT NULL AS is_complete,
        max(observed_at) AS observed_at,
        as_whole(any_value(unread_rows)) AS unread_rows,
        any_value(is_covered) AS is_covered,
        any_value(is_mapped) AS is_mapped
    FROM judged
    GROUP BY instrument_id
)

SELECT
    $venue AS venue,
    $day AS date,
    instrument_id,
    'trades' AS price_source,
    CAST(open AS DECIMAL(9, 6)) AS open,
    CAST(high AS DECIMAL(9, 6)) AS high,
    CAST(low AS DECIMAL(9, 6)) AS low,
    CAST(close AS DECIMAL(9, 6)) AS close,
    CASE WHEN is_complete THEN exact_ratio(notional_units, size_units) END AS vwap,
    CASE WHEN is_complete THEN volume END AS volume,
    CASE WHEN is_complete THEN taker_notional_usd END AS taker_notional_usd,
    CASE WHEN is_complete THEN trades END AS trades,
    CAST(trades AS INTEGER) AS n_samples,
    is_complete,
    'core.trades' AS source,
    observed_at,
    unread_rows,
    CASE
        WHEN is_complete THEN NULL
        WHEN unread_rows > 0 THEN unread_reason(unread_rows)
        WHEN NOT is_covered THEN 'trades of the day were not read to its end'
        WHEN NOT is_mapped THEN 'the outcome of a trade is unknown'
        ELSE too_large_reason()
    END AS incomplete_reason
FROM summed
