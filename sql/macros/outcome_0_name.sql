-- about: the display name of outcome 0 of an instrument, by its label as served; the side yes if outcomes have no tokens
CREATE OR REPLACE MACRO outcome_0_name(has_tokens, label) AS
    left(CASE
        WHEN NOT has_tokens AND coalesce(trim(label), 'Yes') = 'Yes' THEN 'Yes'
        WHEN NOT has_tokens THEN 'Yes: ' || trim(label)
        ELSE coalesce(nullif(trim(label), ''), 'Outcome 0')
    END, 120)
