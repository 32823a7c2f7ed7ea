-- about: staged instruments with values of their event and series (Kalshi: series, category, tags, fees), and with the
--        status that follows from all sources of payouts (Polymarket)
-- grain: instrument
-- inputs: staged_instruments, known_events, known_series, known_resolutions
WITH said AS (
    SELECT
        instrument_id,
        bool_or(status = 'settled') AS is_settled,
        is_contested(source, status, payout_0, observed_at) AS is_contested,
        max(resolved_at) FILTER (WHERE status = 'settled') AS resolved_at
    FROM known_resolutions
    WHERE is_payout_source(source)
        AND instrument_id IN (SELECT instrument_id FROM staged_instruments)
    GROUP BY instrument_id
),

judged AS (
    SELECT i.*, r.resolved_at, judged_status(i.status, r.is_settled, r.is_contested) AS judged
    FROM staged_instruments i
    LEFT JOIN said r USING (instrument_id)
)

SELECT i.* EXCLUDE (judged, resolved_at) REPLACE (
    i.judged AS status,
    i.is_disputed AND i.judged <> 'settled' AS is_disputed,
    CASE WHEN i.judged = 'settled' THEN coalesce(i.settled_at, i.resolved_at, i.trading_ended_at) END AS settled_at,
    coalesce(i.series_id, e.series_id) AS series_id,
    coalesce(i.category, e.category, s.category) AS category,
    coalesce(i.tags, e.tags, s.tags) AS tags,
    coalesce(e.fee_type, s.fee_type, i.fee_type) AS fee_type,
    taker_fee_rate(
        i.venue, coalesce(e.fee_type, s.fee_type, i.fee_type), coalesce(e.fee_multiplier, s.fee_multiplier), i.fee_rate
    ) AS fee_rate
)
FROM judged i
LEFT JOIN known_events e ON e.event_id = i.event_id
LEFT JOIN known_series s ON s.series_id = coalesce(i.series_id, e.series_id)
