-- about: instruments whose number of stored outcomes differs from the venue's number
-- grain: instrument
-- inputs: core.instruments, core.outcomes
SELECT i.venue, i.instrument_id, i.outcome_count, count(o.outcome_index) AS stored
FROM core.instruments i
LEFT JOIN core.outcomes o USING (instrument_id)
GROUP BY i.venue, i.instrument_id, i.outcome_count
HAVING count(o.outcome_index) <> i.outcome_count
ORDER BY i.venue, i.instrument_id
