-- about: Polymarket instruments that ended since $since without a final payout from Data API v2
-- grain: instrument
-- inputs: instruments, resolutions
SELECT i.native_id
FROM instruments i
LEFT JOIN resolutions r ON r.instrument_id = i.instrument_id AND r.source = 'data_v2'
WHERE i.status IN ('closed', 'determined', 'settled')
    AND (r.status IS NULL OR r.status <> 'settled')
    AND (i.status <> 'settled' OR coalesce(i.settled_at, i.trading_ended_at, i.observed_at) >= $since)
ORDER BY i.native_id
