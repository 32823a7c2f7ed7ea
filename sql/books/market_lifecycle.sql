-- about: stream events of one hour other than books and trades
-- grain: connection, frame, position
-- inputs: lifecycle
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
    kind,
    payload
FROM lifecycle
