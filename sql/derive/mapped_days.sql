-- about: days with trades whose token, or whose instrument's outcomes, were unknown when they were read and are known now
-- grain: date
-- inputs: trades, known_outcomes
WITH lacking AS (
    SELECT date, token_id, bool_or(outcome_index IS NULL) AS is_unmapped
    FROM trades
    WHERE price_0 IS NULL AND token_id IS NOT NULL
    GROUP BY date, token_id
),

mapped AS (
    SELECT token_id, min(instrument_id) AS instrument_id
    FROM known_outcomes
    WHERE token_id IN (SELECT token_id FROM lacking)
    GROUP BY token_id
    HAVING count(DISTINCT (instrument_id, outcome_index)) = 1
),

binaries AS (
    SELECT instrument_id
    FROM known_outcomes
    WHERE instrument_id IN (SELECT instrument_id FROM mapped)
    GROUP BY instrument_id
    HAVING count(*) = 2 AND min(outcome_index) = 0 AND max(outcome_index) = 1
)

SELECT DISTINCT l.date
FROM lacking l
JOIN mapped m USING (token_id)
LEFT JOIN binaries b ON b.instrument_id = m.instrument_id
WHERE l.is_unmapped OR b.instrument_id IS NOT NULL
ORDER BY l.date
