-- about: instruments that could trade within [$from_at, $to_at), and when we first held them
-- grain: instrument
-- inputs: instruments, history
SELECT i.instrument_id, i.native_id, coalesce(min(h.valid_from), min(i.observed_at)) AS first_seen
FROM instruments i
LEFT JOIN history h USING (instrument_id)
-- What was unopened when it was last listed may have opened since.
WHERE (i.status <> 'unopened' OR i.opens_at IS NOT NULL)
    AND (i.opens_at IS NULL OR i.opens_at < $to_at)
    AND (i.trading_ended_at IS NULL OR i.trading_ended_at >= $from_at)
GROUP BY i.instrument_id, i.native_id
ORDER BY i.instrument_id
