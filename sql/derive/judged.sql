-- about: stored instruments whose status no longer follows from their payout sources
-- grain: instrument
-- inputs: instruments, resolutions
WITH said AS (
    SELECT
        instrument_id,
        bool_or(status = 'settled') AS is_settled,
        is_contested(source, status, payout_0, observed_at) AS is_contested,
        max(observed_at) AS observed_at
    FROM resolutions
    WHERE is_payout_source(source)
    GROUP BY instrument_id
)

-- At least a microsecond later, so that the version follows the previous one under a frozen clock too.
SELECT i.* REPLACE (greatest(i.observed_at + INTERVAL 1 MICROSECOND, r.observed_at) AS observed_at)
FROM instruments i
JOIN said r USING (instrument_id)
WHERE i.status <> judged_status(i.status, r.is_settled, r.is_contested)
