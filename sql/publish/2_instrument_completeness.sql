-- about: since when each instrument's trades and daily prices are complete without a hole, until when, and why not longer
-- creates: core.instrument_completeness
-- grain: instrument, table_name
-- inputs: core.coverage, lake:core.instruments, lake:core.instrument_history
-- A stretch counts for an instrument when the whole feed was read (scope all), or all instruments that were held
-- then (scope configured, recorded after we first held this one), or the instrument itself (scope = its id).
-- Instruments that were first held between the same two windows, and have none of their own, share one answer.
WITH first_held AS (
    SELECT i.venue, i.instrument_id, i.opens_at, least(min(h.valid_from), i.observed_at) AS held_at
    FROM lake_instruments i
    LEFT JOIN lake_instrument_history h USING (instrument_id)
    GROUP BY i.venue, i.instrument_id, i.opens_at, i.observed_at
),

tables AS (
    SELECT unnest(['core.trades', 'core.daily_prices']) AS table_name
),

counted AS (
    SELECT * FROM core.coverage WHERE table_name IN (FROM tables)
),

recordings AS (
    SELECT DISTINCT venue, table_name, recorded_at FROM counted WHERE scope = 'configured'
),

own_scopes AS (
    SELECT DISTINCT venue, table_name, scope FROM counted WHERE scope NOT IN ('all', 'configured')
),

classed AS (
    SELECT f.*, t.table_name, r.recorded_at AS since, CASE WHEN o.scope IS NULL THEN '' ELSE f.instrument_id END AS own
    FROM first_held f
    CROSS JOIN tables t
    ASOF LEFT JOIN recordings r ON f.venue = r.venue AND t.table_name = r.table_name AND f.held_at <= r.recorded_at
    LEFT JOIN own_scopes o ON f.venue = o.venue AND t.table_name = o.table_name AND f.instrument_id = o.scope
),

classes AS (
    SELECT DISTINCT venue, table_name, since, own FROM classed
),

claims AS (
    SELECT k.*, c.from_at, c.to_at, c.state, c.reason
    FROM classes k
    JOIN counted c USING (venue, table_name)
    WHERE c.scope = 'all' OR (c.scope = 'configured' AND c.recorded_at >= k.since)
    UNION ALL
    SELECT k.*, c.from_at, c.to_at, c.state, c.reason
    FROM classes k
    JOIN counted c ON k.venue = c.venue AND k.table_name = c.table_name AND k.own = c.scope
),

ordered AS (
    SELECT
        *,
        min(from_at) OVER (
            PARTITION BY venue, table_name, since, own
            ORDER BY to_at DESC, from_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM claims
    WHERE state = 'complete'
),

holes AS (
    SELECT venue, table_name, since, own, max(to_at) AS hole_from
    FROM ordered
    WHERE to_at < reached
    GROUP BY ALL
),

stretches AS (
    SELECT o.venue, o.table_name, o.since, o.own, min(o.from_at) AS complete_from, max(o.to_at) AS complete_to
    FROM ordered o
    LEFT JOIN holes h
        ON o.venue = h.venue
        AND o.table_name = h.table_name
        AND o.since IS NOT DISTINCT FROM h.since
        AND o.own = h.own
    WHERE h.hole_from IS NULL OR o.to_at > h.hole_from
    GROUP BY ALL
),

reasons AS (
    SELECT c.venue, c.table_name, c.since, c.own, arg_max(c.reason, c.to_at) AS reason
    FROM claims c
    LEFT JOIN stretches s
        ON c.venue = s.venue
        AND c.table_name = s.table_name
        AND c.since IS NOT DISTINCT FROM s.since
        AND c.own = s.own
    WHERE c.state <> 'complete' AND (s.complete_from IS NULL OR c.from_at < s.complete_from)
    GROUP BY ALL
)

SELECT
    f.instrument_id,
    f.table_name,
    s.complete_from,
    s.complete_to,
    CASE
        WHEN s.complete_from <= f.opens_at THEN 'since trading opened'
        WHEN s.complete_from IS NULL THEN coalesce(r.reason, 'never read completely')
        ELSE coalesce(r.reason, 'not read before')
    END AS reason
FROM classed f
LEFT JOIN stretches s
    ON f.venue = s.venue
    AND f.table_name = s.table_name
    AND f.since IS NOT DISTINCT FROM s.since
    AND f.own = s.own
LEFT JOIN reasons r
    ON f.venue = r.venue
    AND f.table_name = r.table_name
    AND f.since IS NOT DISTINCT FROM r.since
    AND f.own = r.own
ORDER BY f.instrument_id, f.table_name
