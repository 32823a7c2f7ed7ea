-- about: the fields of every row with the lake's facts: the instrument of its id, slug or question, and the outcome of its
--        token and label. A row of another venue than requested, or with an instrument of another venue, is a fault.
-- grain: row_no, item
-- inputs: plain_fields, known_outcomes, named_instruments
WITH tokens AS (
    SELECT token_id, any_value(instrument_id) AS known_instrument, any_value(outcome_index) AS known_index
    FROM known_outcomes WHERE token_id IS NOT NULL GROUP BY token_id
), labels AS (
    SELECT instrument_id, lower(trim(label)) AS label, any_value(outcome_index) AS label_index
    FROM known_outcomes WHERE label IS NOT NULL GROUP BY ALL HAVING count(*) = 1
), labelled AS (
    SELECT
        *,
        coalesce(
            outcome, result, CASE WHEN TRY_CAST(outcome_index AS DOUBLE) IS NULL THEN outcome_index END,
            CASE WHEN venue_has_tokens(venue) AND lower(side) IN ('yes', 'no') THEN side END
        ) AS said_label
    FROM plain_fields
), found AS (
    SELECT f.*, t.known_instrument, t.known_index, n.native_id AS named, n.reason AS unnamed
    FROM labelled f
    LEFT JOIN tokens t ON t.token_id = f.token_id AND venue_has_tokens(f.venue)
    LEFT JOIN named_instruments n ON n.venue = f.venue AND n.said = f.instrument
), judged AS (
    SELECT
        *,
        CASE
            WHEN fault IS NOT NULL THEN import_bad(NULL, fault)
            WHEN NOT known_venue(venue) THEN import_bad(NULL, 'venue is not ' || venue_names())
            WHEN venue <> getvariable('import_venue') AND getvariable('import_venue') <> 'any'
            THEN import_bad(NULL, 'row of another venue')
            WHEN NOT venue_has_tokens(venue) AND token_id IS NOT NULL
            THEN import_bad('token_id', venue_title(venue) || ' has no tokens: the row is of another venue')
            WHEN unnamed IS NOT NULL AND known_instrument IS NULL THEN import_bad('instrument', unnamed)
        END AS wrong
    FROM found
)
SELECT
    j.* EXCLUDE (fault, wrong, named, unnamed, instrument),
    j.named AS instrument,
    j.wrong.reason AS fault, j.wrong.path AS fault_path,
    coalesce(
        CASE WHEN NOT venue_has_tokens(j.venue) THEN CASE lower(trim(j.said_label)) WHEN 'yes' THEN 0 WHEN 'no' THEN 1 END END,
        l.label_index
    ) AS label_index
FROM judged j
LEFT JOIN labels l
    ON l.instrument_id = coalesce(j.known_instrument, j.venue || ':' || j.named) AND l.label = lower(trim(j.said_label))
