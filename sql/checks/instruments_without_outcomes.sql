-- about: instruments whose stored outcomes are not the number that the venue says
-- grain: instrument
-- inputs: core.instruments, core.outcomes
SELECT i.venue, i.instrument_id, i.outcome_count, count(o.outcome_index) AS stored
FROM core.instruments i
LEFT JOIN core.outcomes o USING (instrument_id)
GROUP BY i.venue, i.instrument_id, i.outcome_count
HAVING count(o.outcome_index) <> i.outcome_count
ORDER BY i.venue, i.instrument_id
