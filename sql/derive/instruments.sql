-- about: staged instruments with what only their event and series know (Kalshi: series, category, tags)
-- grain: instrument
-- inputs: staged_instruments, known_events, known_series
SELECT i.* REPLACE (
    coalesce(i.series_id, e.series_id) AS series_id,
    coalesce(i.category, e.category, s.category) AS category,
    coalesce(i.tags, e.tags, s.tags) AS tags,
    coalesce(i.fee_type, s.fee_type) AS fee_type
)
FROM staged_instruments i
LEFT JOIN known_events e ON e.event_id = i.event_id
LEFT JOIN known_series s ON s.series_id = coalesce(i.series_id, e.series_id)
