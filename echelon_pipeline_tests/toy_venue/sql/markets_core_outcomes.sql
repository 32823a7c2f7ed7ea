-- about: the two sides of a market of the toy venue
-- grain: instrument_id, outcome_index
-- inputs: parsed
SELECT DISTINCT ON (instrument_id, outcome_index)
    'toy' AS venue, bucket_of(instrument_id) AS bucket, instrument_id, outcome_index,
    CASE outcome_index WHEN 0 THEN 'Yes' ELSE 'No' END AS label, outcome_index = 0 AS is_affirmative,
    received_at AS observed_at, sha256 AS raw_sha256
FROM (SELECT *, unnest([0, 1]) AS outcome_index FROM parsed)
