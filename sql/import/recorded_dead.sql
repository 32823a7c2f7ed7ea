-- about: records of a recording of others that became no frame, each with its place in the file
-- grain: one record
-- inputs: lost
SELECT
    $venue AS venue,
    'core.book_events' AS table_name,
    $endpoint AS endpoint,
    sha256(payload) AS sha256,
    path,
    $parser_version AS parser_version,
    reason,
    payload,
    $unit AS unit_id,
    $observed_at AS observed_at
FROM lost
