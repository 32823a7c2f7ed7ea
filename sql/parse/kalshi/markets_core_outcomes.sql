-- about: the two sides of a Kalshi market: 0 is yes, 1 is no.
-- grain: instrument_id, outcome_index
-- inputs: parsed
WITH latest AS (
    SELECT * FROM parsed
    QUALIFY row_number() OVER (
        PARTITION BY instrument_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
),
sides AS (
    SELECT *, unnest([0, 1]) AS outcome_index FROM latest
)
SELECT
    'kalshi' AS venue,
    bucket_of(instrument_id) AS bucket,
    instrument_id,
    outcome_index,
    CASE outcome_index
        WHEN 0 THEN coalesce(nullif(f.yes_sub_title, ''), 'Yes')
        ELSE coalesce(nullif(f.no_sub_title, ''), 'No')
    END AS label,
    outcome_index = 0 AS is_affirmative,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM sides
