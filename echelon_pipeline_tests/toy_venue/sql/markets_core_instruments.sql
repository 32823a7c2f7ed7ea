-- about: instruments of the toy venue
-- grain: instrument_id
-- inputs: parsed
SELECT
    'toy' AS venue, bucket_of(instrument_id) AS bucket, instrument_id, native_id, title, status,
    status AS venue_status, false AS is_disputed, false AS is_combo, 2 AS outcome_count,
    received_at AS observed_at, sha256 AS raw_sha256
FROM parsed
QUALIFY row_number() OVER (PARTITION BY instrument_id ORDER BY received_at DESC, page DESC, position DESC) = 1
