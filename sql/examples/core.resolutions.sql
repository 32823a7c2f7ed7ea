-- about: payouts that are final
-- grain: instrument, source
-- inputs: core.resolutions
SELECT instrument_id, source, status, payout_0, payout_1
FROM core.resolutions
WHERE status = 'settled'
ORDER BY instrument_id
LIMIT 10
