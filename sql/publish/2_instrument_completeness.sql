-- about: since when each instrument's trades and daily prices are complete without a gap, until when, and why not longer
-- creates: core.instrument_completeness
-- grain: instrument, table_name
-- inputs: core.coverage, core.unread_rows, core.ingest_windows, lake:core.instruments, lake:core.instrument_history, lake:core.outcomes
-- column instrument_id: id of the instrument, <venue>:<native id>
-- column table_name: core.trades or core.daily_prices
-- column complete_from: rows are complete from here on without a gap; NULL: not complete at any time
-- column complete_to: rows are complete until here, exclusive
-- column reason: why they are not complete for longer
-- An interval counts for an instrument if the whole feed was read (scope all), or all instruments known at that time
-- (scope configured, recorded after the listing that first showed this one was derived), or the instrument itself
-- (scope = its id). Unread rows of the instrument are gaps, and so are unread rows that may belong to it.
-- An instrument with an unknown token is not complete: its trades have no outcome. Polymarket's prices are requested by
-- token, so windows recorded before the token was known do not count.
-- Instruments that were first known between the same two recordings, and have no interval of their own, form a class
-- with one common result. Consecutive intervals in time and recording form a chain; a class gets the end of the chain
-- that was recorded after it. Comparing each class with each interval took 45 s for 100 days.
WITH first_seen AS (
    SELECT
        i.venue,
        i.instrument_id,
        i.opens_at,
        -- No walk over the configured instruments includes combos: only a whole feed or their own interval counts for
        -- them.
        CASE WHEN NOT i.is_combo THEN least(min(h.valid_from), i.observed_at) END AS seen_at
    FROM lake_instruments i
    LEFT JOIN lake_instrument_history h USING (instrument_id)
    GROUP BY i.venue, i.instrument_id, i.opens_at, i.observed_at, i.is_combo
),

listed AS (
    SELECT venue, to_at, min(from_at) AS from_at, min(recorded_at) AS derived_at
    FROM core.ingest_windows
    WHERE table_name = 'core.instruments' AND scope LIKE 'listings:%'
    GROUP BY venue, to_at
),

first_known AS (
    SELECT
        f.venue,
        f.instrument_id,
        f.opens_at,
        CASE WHEN l.from_at <= f.seen_at THEN greatest(f.seen_at, l.derived_at) ELSE f.seen_at END AS known_at
    FROM first_seen f
    ASOF LEFT JOIN listed l ON f.venue = l.venue AND f.seen_at <= l.to_at
),

tables AS (
    SELECT unnest(['core.trades', 'core.daily_prices']) AS table_name
),

counted AS (
    SELECT * FROM core.coverage WHERE table_name IN (FROM tables)
),

tokens AS (
    SELECT instrument_id, max(observed_at) FILTER (outcome_index = 0) AS token_at, count(token_id) < count(*) AS is_lacking
    FROM lake_outcomes
    WHERE venue_has_tokens(venue)
    GROUP BY instrument_id
),

recordings AS (
    SELECT DISTINCT venue, table_name, recorded_at FROM counted WHERE scope = 'configured' AND state = 'complete'
),

own_scopes AS (
    SELECT DISTINCT venue, table_name, scope FROM counted WHERE scope NOT IN ('all', 'configured')
),

classed AS (
    SELECT f.*, r.recorded_at AS since, CASE WHEN o.scope IS NULL THEN '' ELSE f.instrument_id END AS own
    FROM (
        SELECT
            h.* REPLACE (
                CASE WHEN t.table_name = 'core.daily_prices' AND h.known_at IS NOT NULL
                    THEN greatest(h.known_at, k.token_at) ELSE h.known_at END AS known_at
            ),
            t.table_name
        FROM first_known h
        CROSS JOIN tables t
        LEFT JOIN tokens k USING (instrument_id)
    ) f
    ASOF LEFT JOIN recordings r ON f.venue = r.venue AND f.table_name = r.table_name AND f.known_at <= r.recorded_at
    LEFT JOIN own_scopes o ON f.venue = o.venue AND f.table_name = o.table_name AND f.instrument_id = o.scope
),

classes AS (
    SELECT DISTINCT venue, table_name, since, own FROM classed
),

linked AS (
    SELECT
        *,
        lag(to_at) OVER w IS DISTINCT FROM from_at
        OR (scope = 'configured' AND lag(recorded_at) OVER w > recorded_at) AS is_first
    FROM counted
    WHERE state = 'complete'
    WINDOW w AS (PARTITION BY venue, table_name, scope ORDER BY from_at)
),

chained AS (
    SELECT *, sum(is_first::INTEGER) OVER (PARTITION BY venue, table_name, scope ORDER BY from_at) AS chain
    FROM linked
),

chains AS (
    SELECT venue, table_name, scope, chain, min(from_at) AS from_at, max(to_at) AS to_at
    FROM chained
    GROUP BY ALL
),

steps AS (
    SELECT venue, table_name, chain, recorded_at, min(from_at) AS from_at
    FROM chained
    WHERE scope = 'configured'
    GROUP BY ALL
),

candidates AS (
    SELECT k.*, c.chain, c.to_at
    FROM classes k
    JOIN chains c ON k.venue = c.venue AND k.table_name = c.table_name
    WHERE c.scope = 'configured' AND k.since IS NOT NULL
),

claims AS (
    SELECT k.venue, k.table_name, k.since, k.own, s.from_at, k.to_at
    FROM candidates k
    ASOF JOIN steps s
        ON k.venue = s.venue AND k.table_name = s.table_name AND k.chain = s.chain AND k.since <= s.recorded_at
    UNION ALL
    SELECT k.*, c.from_at, c.to_at
    FROM classes k
    JOIN chains c ON k.venue = c.venue AND k.table_name = c.table_name
    WHERE c.scope = 'all'
    UNION ALL
    SELECT k.*, c.from_at, c.to_at
    FROM classes k
    JOIN chains c ON k.venue = c.venue AND k.table_name = c.table_name AND k.own = c.scope
),

ordered AS (
    SELECT
        *,
        min(from_at) OVER (
            PARTITION BY venue, table_name, since, own
            ORDER BY to_at DESC, from_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM claims
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

answers AS (
    SELECT k.*, s.complete_from, s.complete_to, coalesce(s.complete_from, 'infinity'::TIMESTAMPTZ) AS reasons_before
    FROM classes k
    LEFT JOIN stretches s
        ON k.venue = s.venue
        AND k.table_name = s.table_name
        AND k.since IS NOT DISTINCT FROM s.since
        AND k.own = s.own
),

failures AS (
    SELECT venue, table_name, from_at, arg_max(reason, to_at) AS reason
    FROM counted
    WHERE state <> 'complete' AND scope IN ('all', 'configured')
    GROUP BY ALL
),

own_failures AS (
    SELECT venue, table_name, scope, from_at, reason
    FROM counted
    WHERE state <> 'complete' AND scope NOT IN ('all', 'configured')
),

explained AS (
    SELECT a.*, coalesce(o.reason, f.reason) AS reason
    FROM answers a
    ASOF LEFT JOIN own_failures o
        ON a.venue = o.venue AND a.table_name = o.table_name AND a.own = o.scope AND a.reasons_before > o.from_at
    ASOF LEFT JOIN failures f ON a.venue = f.venue AND a.table_name = f.table_name AND a.reasons_before > f.from_at
),

walked AS (
    SELECT
        f.instrument_id,
        f.table_name,
        f.venue,
        f.opens_at,
        e.complete_from,
        e.complete_to,
        e.reason
    FROM classed f
    JOIN explained e
        ON f.venue = e.venue
        AND f.table_name = e.table_name
        AND f.since IS NOT DISTINCT FROM e.since
        AND f.own = e.own
),

lost AS (
    SELECT w.instrument_id, w.table_name, w.complete_from, w.complete_to, u.from_at, u.to_at, u.unread_rows
    FROM walked w
    JOIN core.unread_rows u ON w.table_name = u.table_name AND w.instrument_id = u.instrument_id
    WHERE u.from_at < w.complete_to AND u.to_at > w.complete_from
    UNION ALL
    SELECT w.instrument_id, w.table_name, w.complete_from, w.complete_to, u.from_at, u.to_at, u.unread_rows
    FROM walked w
    JOIN core.unread_rows u ON w.table_name = u.table_name AND w.venue = u.venue AND u.instrument_id IS NULL
    WHERE u.from_at < w.complete_to AND u.to_at > w.complete_from
),

cut AS (
    SELECT
        *,
        coalesce(
            from_at > max(to_at) OVER (
                PARTITION BY instrument_id, table_name
                ORDER BY from_at, to_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            true
        ) AS is_first
    FROM lost
),

numbered AS (
    SELECT
        *,
        sum(is_first::INTEGER) OVER (
            PARTITION BY instrument_id, table_name ORDER BY from_at, to_at ROWS UNBOUNDED PRECEDING
        ) AS island
    FROM cut
),

islands AS (
    SELECT
        instrument_id,
        table_name,
        any_value(complete_from) AS complete_from,
        any_value(complete_to) AS complete_to,
        min(from_at) AS from_at,
        max(to_at) AS to_at,
        as_whole(sum(unread_rows)) AS unread_rows
    FROM numbered
    GROUP BY instrument_id, table_name, island
),

-- After the last island, else between the last and the one before it, else before the last.
left_over AS (
    SELECT
        *,
        greatest(complete_from, lag(to_at) OVER (PARTITION BY instrument_id, table_name ORDER BY from_at)) AS before_from
    FROM islands
    QUALIFY row_number() OVER (PARTITION BY instrument_id, table_name ORDER BY from_at DESC) = 1
),

remaining AS (
    SELECT
        instrument_id,
        table_name,
        unread_rows,
        CASE WHEN to_at < complete_to THEN to_at WHEN before_from < from_at THEN before_from END AS complete_from,
        CASE WHEN to_at < complete_to THEN complete_to WHEN before_from < from_at THEN from_at END AS complete_to
    FROM left_over
)

SELECT
    w.instrument_id,
    w.table_name,
    CASE WHEN k.is_lacking THEN NULL WHEN r.unread_rows IS NULL THEN w.complete_from ELSE r.complete_from END
        AS complete_from,
    CASE WHEN k.is_lacking THEN NULL WHEN r.unread_rows IS NULL THEN w.complete_to ELSE r.complete_to END AS complete_to,
    CASE
        WHEN k.is_lacking THEN 'a token of it is not known yet'
        WHEN r.unread_rows IS NOT NULL THEN unread_reason(r.unread_rows)
        WHEN w.complete_from <= w.opens_at THEN 'since trading opened'
        WHEN w.complete_from IS NULL THEN coalesce(w.reason, 'never read completely')
        ELSE coalesce(w.reason, 'not read before')
    END AS reason
FROM walked w
LEFT JOIN remaining r USING (instrument_id, table_name)
LEFT JOIN tokens k ON k.instrument_id = w.instrument_id
ORDER BY w.instrument_id, w.table_name
