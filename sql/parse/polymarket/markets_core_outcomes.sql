-- about: tradable sides; the index is the position in the token list that Gamma served first, whatever the labels say.
-- grain: instrument_id, outcome_index
-- inputs: parsed
WITH latest AS (
    SELECT * FROM parsed
    QUALIFY row_number() OVER (
        PARTITION BY instrument_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
),
sides AS (
    SELECT instrument_id, tokens, labels, received_at, sha256, unnest(range(outcome_count)) AS place
    FROM latest
)
SELECT
    'polymarket' AS venue,
    bucket_of(instrument_id) AS bucket,
    instrument_id,
    place AS outcome_index,
    as_id(tokens[place + 1]) AS token_id,
    nullif(labels[place + 1], '') AS label,
    CASE lower(trim(labels[place + 1])) WHEN 'yes' THEN true WHEN 'no' THEN false END AS is_affirmative,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM sides
