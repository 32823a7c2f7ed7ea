-- about: stored instruments that lack values of their event or series (series, category, tags), or have other fees
-- At least a microsecond later, so that the version follows the previous one under a frozen clock too.
-- grain: instrument
-- inputs: instruments, known_events, known_series
SELECT i.* REPLACE (
    greatest(i.observed_at + INTERVAL 1 MICROSECOND, e.observed_at, s.observed_at) AS observed_at
)
FROM instruments i
LEFT JOIN known_events e ON e.event_id = i.event_id
LEFT JOIN known_series s ON s.series_id = coalesce(i.series_id, e.series_id)
WHERE (i.series_id IS NULL AND e.series_id IS NOT NULL)
    OR (i.category IS NULL AND coalesce(e.category, s.category) IS NOT NULL)
    OR (i.tags IS NULL AND coalesce(e.tags, s.tags) IS NOT NULL)
    OR i.fee_type IS DISTINCT FROM coalesce(e.fee_type, s.fee_type, i.fee_type)
    OR i.fee_rate IS DISTINCT FROM taker_fee_rate(
        i.venue, coalesce(e.fee_type, s.fee_type, i.fee_type), coalesce(e.fee_multiplier, s.fee_multiplier), i.fee_rate
    )
