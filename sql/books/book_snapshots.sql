-- about: books over intervals of one hour: from each chain while it is preferred, and unknown for intended time without one
-- grain: instrument, valid_from
-- inputs: rows, checks, preferred_chains, intents
-- preferred_chains: when a chain is preferred for an instrument, [preferred_from, preferred_to) in microseconds.
-- Window functions run over narrow rows, place is the position of each in its file: sorting the lists of levels took
-- most of the time.
-- intents: intervals in which an instrument was intended, without overlap, cut to [$since, $until).
WITH checked AS (
    -- A miss that a second check turned into a hit appears twice.
    SELECT chain, instrument_id, number, min("at") AS checked_at, bool_or(matched) AS matched
    FROM checks
    GROUP BY ALL
),

chain_rows AS (
    SELECT
        file_row_number AS place,
        chain,
        instrument_id,
        valid_to,
        state,
        -- A stale row is the same book without a recent proof: the next row decides.
        first_value(CASE WHEN state <> 'stale' THEN state END IGNORE NULLS) OVER (
            later ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS next_state,
        first_value(CASE WHEN state <> 'stale' THEN coalesce(reason, '') END IGNORE NULLS) OVER (
            later ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS next_reason,
        min(CASE WHEN state = 'unknown' THEN valid_from END) OVER (
            later ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS lost_at
    FROM rows
    WINDOW later AS (PARTITION BY chain, instrument_id ORDER BY valid_from)
),

judged AS (
    SELECT
        t.place,
        CASE
            WHEN t.state = 'unknown' THEN NULL
            WHEN t.next_reason IN ('gap', 'lost_frames', 'hash', 'mirror', 'best_prices', 'probe', 'negative_level', 'crossed')
                THEN false
            -- A numbered stream without a gap proves the rows before; elsewhere the next hash does.
            WHEN venue_has_numbered_frames($venue)
                THEN CASE WHEN t.next_state <> 'unknown' AND t.chain NOT IN (SELECT chain FROM unnumbered) THEN true END
            WHEN c.checked_at <= coalesce(t.lost_at, c.checked_at) THEN c.matched
        END AS is_verified
    FROM chain_rows t
    ASOF LEFT JOIN checked c
        ON t.chain = c.chain AND t.instrument_id = c.instrument_id AND t.valid_to <= c.checked_at
),

ruled AS (
    SELECT
        t.* EXCLUDE (chain, file_row_number)
            REPLACE (
                greatest(t.valid_from, r.preferred_from, $since) AS valid_from,
                least(t.valid_to, r.preferred_to, $until) AS valid_to
            ),
        j.is_verified
    FROM rows t
    JOIN judged j ON t.file_row_number = j.place
    JOIN preferred_chains r ON t.chain = r.chain AND t.instrument_id = r.instrument_id
    WHERE greatest(t.valid_from, r.preferred_from, $since) < least(t.valid_to, r.preferred_to, $until)
),

edges AS (
    SELECT instrument_id, intent_from, valid_from, valid_to
    FROM ruled
    JOIN intents USING (instrument_id)
    WHERE valid_from < intent_to AND valid_to > intent_from
    UNION ALL
    SELECT instrument_id, intent_from, intent_to AS valid_from, intent_to AS valid_to
    FROM intents
),

holes AS (
    SELECT
        instrument_id,
        lag(valid_to, 1, intent_from) OVER earlier AS valid_from,
        valid_from AS valid_to,
        lag(valid_to) OVER earlier IS NULL AND intent_from > $since AS is_first
    FROM edges
    WINDOW earlier AS (PARTITION BY instrument_id, intent_from ORDER BY valid_from, valid_to)
),

pieces AS (
    SELECT * FROM ruled
    UNION ALL BY NAME
    SELECT
        instrument_id,
        valid_from,
        valid_to,
        'unknown' AS state,
        CASE WHEN is_first THEN 'late_subscribe' ELSE 'disconnect' END AS reason,
        '' AS connection,
        0 AS number
    FROM holes
    WHERE valid_from < valid_to
)

SELECT
    $venue AS venue,
    CAST(of_micros($since) AS DATE) AS date,
    hour(of_micros($since)) AS hour,
    instrument_id,
    of_micros(valid_from) AS valid_from,
    of_micros(valid_to) AS valid_to,
    state,
    reason,
    is_verified,
    of_micros(event_at) AS event_at,
    connection AS connection_id,
    number AS frame,
    of_millionths(bid_prices[1]) AS bid,
    of_millionths(bid_sizes[1]) AS bid_size,
    of_millionths(ask_prices[1]) AS ask,
    of_millionths(ask_sizes[1]) AS ask_size,
    CAST(of_millionths(bid_prices[1] + ask_prices[1]) * 0.5 AS DECIMAL(18, 12)) AS mid,
    of_millionths(ask_prices[1] - bid_prices[1]) AS spread,
    CASE WHEN state <> 'unknown' THEN bid_prices END AS bid_prices,
    CASE WHEN state <> 'unknown' THEN bid_sizes END AS bid_sizes,
    CASE WHEN state <> 'unknown' THEN ask_prices END AS ask_prices,
    CASE WHEN state <> 'unknown' THEN ask_sizes END AS ask_sizes,
    of_millionths(bid_depth) AS bid_depth,
    of_millionths(ask_depth) AS ask_depth,
    bid_levels,
    ask_levels
FROM pieces
