-- about: settled instruments for which no source has a payout or a reason for its absence
-- grain: instrument
-- inputs: core.instruments, core.resolutions
SELECT i.venue, i.instrument_id, i.venue_status, i.settled_at
FROM core.instruments i
ANTI JOIN (
    SELECT instrument_id FROM core.resolutions WHERE payout_0 IS NOT NULL OR unresolved_reason IS NOT NULL
) r USING (instrument_id)
WHERE i.status = 'settled'
ORDER BY i.venue, i.instrument_id
