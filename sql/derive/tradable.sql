-- about: instruments that could trade within [$from_at, $to_at), and since when they are held
-- grain: instrument
-- inputs: instruments, held
SELECT i.instrument_id, i.native_id, h.held_at
FROM instruments i
JOIN held h USING (instrument_id)
-- What was unopened when it was last listed may have opened since.
WHERE (i.status <> 'unopened' OR i.opens_at IS NOT NULL)
    -- Combos are sampled: a walk for each of thousands that hardly ever trade is not affordable.
    AND NOT i.is_combo
    AND (i.opens_at IS NULL OR i.opens_at < $to_at)
    AND (i.trading_ended_at IS NULL OR i.trading_ended_at >= $from_at)
ORDER BY i.instrument_id
