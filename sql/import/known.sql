-- about: the fields of every row with what core.outcomes knows of its token and of the label that it names. A row of
--        another venue than asked for is at fault.
-- grain: row_no, item
-- inputs: plain_fields, known_outcomes
WITH tokens AS (
    SELECT token_id, any_value(instrument_id) AS known_instrument, any_value(outcome_index) AS known_index
    FROM known_outcomes WHERE token_id IS NOT NULL GROUP BY token_id
), labels AS (
    SELECT instrument_id, label, any_value(outcome_index) AS label_index
    FROM known_outcomes WHERE label IS NOT NULL GROUP BY instrument_id, label HAVING count(*) = 1
)
SELECT
    f.* REPLACE (
        CASE
            WHEN f.fault IS NOT NULL THEN f.fault
            WHEN f.venue NOT IN ('polymarket', 'kalshi') THEN 'venue is not polymarket or kalshi'
            WHEN f.venue <> getvariable('import_venue') AND getvariable('import_venue') <> 'any' THEN 'row of another venue'
        END AS fault),
    t.known_instrument, t.known_index, l.label_index
FROM plain_fields f
LEFT JOIN tokens t ON t.token_id = f.token_id
LEFT JOIN labels l ON l.instrument_id = f.venue || ':' || f.instrument AND l.label = f.result
