-- about: the levels that frames of one hour told
-- grain: connection, frame, position
-- inputs: events
SELECT
    $venue AS venue,
    CAST(of_micros($since) AS DATE) AS date,
    hour(of_micros($since)) AS hour,
    instrument_id,
    of_micros(received_at) AS received_at,
    of_micros(event_at) AS event_at,
    connection_id,
    frame,
    position,
    is_snapshot,
    side,
    of_millionths(price) AS price,
    of_millionths(size) AS size,
    of_millionths(size_change) AS size_change
FROM events
