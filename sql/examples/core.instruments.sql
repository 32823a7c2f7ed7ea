-- about: open instruments that end next
-- grain: instrument
-- inputs: core.instruments
SELECT instrument_id, title, status, closes_at
FROM core.instruments
WHERE status = 'active' AND closes_at IS NOT NULL
ORDER BY closes_at, instrument_id
LIMIT 10
