-- about: Polymarket instruments that ended and whose payout is not final in all sources: the ones Data API v2 is asked
--        about, however old they are
-- Settled by Gamma alone, they are asked about until $since: the source may never have heard of them.
-- grain: instrument
-- inputs: instruments, resolutions
SELECT i.native_id
FROM instruments i
LEFT JOIN resolutions r ON r.instrument_id = i.instrument_id AND r.source = 'data_v2'
WHERE i.status IN ('closed', 'determined')
    OR (i.status = 'settled' AND r.status = 'determined')
    OR (
        i.status = 'settled'
        AND (r.status IS NULL OR r.status = 'unresolved')
        AND coalesce(i.settled_at, i.trading_ended_at, i.observed_at) >= $since
    )
ORDER BY i.native_id
