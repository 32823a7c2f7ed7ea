-- about: the hours in which recordings missed most of what was intended
-- grain: instrument, hour
-- inputs: mart.coverage
SELECT date, hour, instrument_id, coverage, gaps
FROM mart.coverage
ORDER BY coverage, date DESC, hour DESC
LIMIT 10
