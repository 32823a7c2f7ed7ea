-- about: known instruments that are not finally settled and that the scan did not show
-- Independent of when they ended. An instrument that the venue calls settled without a payout is not finally settled.
-- grain: instrument
-- inputs: instruments, resolutions, seen_now
WITH unpaid AS (
    SELECT instrument_id
    FROM resolutions
    WHERE is_payout_source(source)
    GROUP BY instrument_id
    HAVING NOT bool_or(status = 'settled')
)

SELECT native_id
FROM instruments
WHERE NOT is_combo
    AND native_id NOT IN (SELECT object_key FROM seen_now)
    AND CASE
        WHEN status = 'settled' THEN instrument_id IN (FROM unpaid)
        WHEN $all_unsettled THEN true
        ELSE status IN ('paused', 'closed', 'determined') OR coalesce(closes_at <= $now, false)
    END
ORDER BY native_id
