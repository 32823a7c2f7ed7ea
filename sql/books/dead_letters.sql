-- about: frames, or parts of them, of one hour that could not be read; the path is connection, frame and position
-- grain: connection, frame, position
-- inputs: unreadable
SELECT
    $venue AS venue,
    'core.book_events' AS table_name,
    'stream' AS endpoint,
    sha256(payload) AS sha256,
    connection || '[' || number || '][' || position || ']' AS path,
    $parser_version AS parser_version,
    reason,
    payload,
    $unit AS unit_id,
    of_micros(received_at) AS observed_at
FROM unreadable
