-- about: records of an imported recording that are not frames, each with its position in the file
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
