-- about: stored fills whose token was unknown when they were read, with its instrument and outcome
-- grain: fill_id
-- inputs: fills, known_outcomes
WITH mapped AS (
    SELECT token_id, min(instrument_id) AS instrument_id, min(outcome_index) AS outcome_index
    FROM known_outcomes
    WHERE token_id IN (SELECT token_id FROM fills WHERE outcome_index IS NULL)
    GROUP BY token_id
    HAVING count(DISTINCT (instrument_id, outcome_index)) = 1
)

SELECT f.* REPLACE (
    m.instrument_id AS instrument_id,
    m.outcome_index AS outcome_index,
    CAST(NULL AS VARCHAR) AS unmapped_reason
)
FROM fills f
JOIN mapped m USING (token_id)
WHERE f.outcome_index IS NULL
