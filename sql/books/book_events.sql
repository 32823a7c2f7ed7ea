-- about: levels in the frames of one hour
-- grain: connection, frame, position
-- inputs: events
SELECT
    $venue AS venue,
    CAST(of_micros($since) AS DATE) AS date,
    hour(of_micros($since)) AS hour,
    instrument_id,
    of_micros(received_at) AS received_at,
    of_micros(event_at) AS event_at,
    connection AS connection_id,
    number AS frame,
    position,
    is_snapshot,
    CASE side WHEN 0 THEN 'bid' WHEN 1 THEN 'ask' END AS side,
    of_millionths(price) AS price,
    of_millionths(CASE WHEN NOT relative THEN size END) AS size,
    of_millionths(CASE WHEN relative THEN size END) AS size_change
FROM events
