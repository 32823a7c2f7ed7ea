-- about: instruments that could trade on days of [$from_at, $to_at) whose prices are not complete, with the
--        first and the end of the last such day
-- A day is complete under a window over all instruments known then, or under a window of the instrument itself.
-- grain: instrument
-- inputs: instruments, held, outcomes, windows
WITH days AS (
    SELECT unnest(generate_series($from_at, $to_at - INTERVAL 1 MICROSECOND, INTERVAL 1 DAY)) AS day_at
),

complete AS (
    SELECT
        from_at AS day_at,
        arg_max(state, (recorded_at, unit_id)) AS state,
        max(recorded_at) AS recorded_at,
        arg_max(unit_id, (recorded_at, unit_id)) AS unit_id
    FROM windows
    WHERE table_name = $table_name AND scope = $scope
    GROUP BY from_at
),

-- Under a frozen clock times are equal: then a window covers the instruments that earlier units listed.
listed AS (
    SELECT coalesce(max(unit_id), '') AS unit_id
    FROM windows
    WHERE table_name = 'core.instruments' AND rows > 0
)

SELECT
    min(d.day_at) AS first_at,
    max(d.day_at) + INTERVAL 1 DAY AS last_at,
    i.instrument_id,
    i.native_id,
    o.token_id,
    i.trading_ended_at,
    i.settled_at
FROM instruments i
JOIN held h USING (instrument_id)
JOIN days d
    ON (i.opens_at IS NULL OR i.opens_at < d.day_at + INTERVAL 1 DAY)
    AND (i.trading_ended_at IS NULL OR i.trading_ended_at > d.day_at)
LEFT JOIN complete c ON c.day_at = d.day_at
CROSS JOIN listed l
LEFT JOIN outcomes o ON o.instrument_id = i.instrument_id AND o.outcome_index = 0
-- An instrument that was unopened when it was last listed may have opened since.
WHERE (i.status <> 'unopened' OR i.opens_at IS NOT NULL)
    -- Combos are sampled: a walk for each of thousands that hardly ever trade is not affordable.
    AND NOT i.is_combo
    AND ($refetch OR (
        (c.state IS NULL OR c.state <> 'complete' OR (c.recorded_at, c.unit_id) < (
            -- Prices of venues with tokens are requested by token: nothing was read before the token was known.
            greatest(h.held_at, CASE WHEN o.token_id IS NOT NULL THEN o.observed_at END), l.unit_id
        ))
        AND NOT EXISTS (
            SELECT 1
            FROM windows w
            WHERE w.table_name = $table_name AND w.scope = i.instrument_id AND w.state = 'complete'
                AND w.from_at <= d.day_at AND w.to_at >= d.day_at + INTERVAL 1 DAY
                AND NOT EXISTS (
                    SELECT 1
                    FROM windows p
                    WHERE p.table_name = $table_name AND p.scope = w.scope AND p.state = 'partial'
                        AND p.from_at < d.day_at + INTERVAL 1 DAY AND p.to_at > d.day_at
                        AND (p.recorded_at, p.unit_id) > (w.recorded_at, w.unit_id)
                )
        )
    ))
GROUP BY i.instrument_id, i.native_id, o.token_id, i.trading_ended_at, i.settled_at
ORDER BY i.instrument_id
