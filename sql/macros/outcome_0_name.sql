-- about: what people call outcome 0 of an instrument, by its label as served; Kalshi's is the side yes
CREATE OR REPLACE MACRO outcome_0_name(venue, label) AS
    left(CASE
        WHEN venue = 'kalshi' AND coalesce(trim(label), 'Yes') = 'Yes' THEN 'Yes'
        WHEN venue = 'kalshi' THEN 'Yes: ' || trim(label)
        ELSE coalesce(nullif(trim(label), ''), 'Outcome 0')
    END, 120)
