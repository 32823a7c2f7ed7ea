-- about: trades of instruments missing in core.instruments (combos, instruments outside the bounds): reported, never blocking
-- grain: venue
-- inputs: core.trades, core.instruments
SELECT venue, count(*) AS trades, count(DISTINCT instrument_id) AS instruments, any_value(instrument_id) AS sample
FROM core.trades
ANTI JOIN core.instruments USING (instrument_id)
GROUP BY venue
ORDER BY venue
