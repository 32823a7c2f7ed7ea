-- about: since when each instrument is known: windows over all configured instruments cover it from then on
-- grain: instrument
-- inputs: instruments, history, windows
-- The time at which the first listing with it was derived, not fetched: a trade walk that begins in between does not
-- know the instrument. Imported instruments have no listing.
WITH seen AS (
    SELECT i.instrument_id, coalesce(min(h.valid_from), min(i.observed_at)) AS seen_at
    FROM instruments i
    LEFT JOIN history h USING (instrument_id)
    GROUP BY i.instrument_id
),

listed AS (
    SELECT to_at, min(from_at) AS from_at, min(recorded_at) AS derived_at
    FROM windows
    WHERE table_name = 'core.instruments' AND scope LIKE 'listings:%'
    GROUP BY to_at
)

SELECT
    s.instrument_id,
    CASE WHEN l.from_at <= s.seen_at THEN greatest(s.seen_at, l.derived_at) ELSE s.seen_at END AS held_at
FROM seen s
ASOF LEFT JOIN listed l ON s.seen_at <= l.to_at
