-- about: quotes of one hour, from the chain that is preferred for the instrument at that time
-- grain: connection, frame, position
-- inputs: quotes, preferred_chains
SELECT
    $venue AS venue,
    CAST(of_micros($since) AS DATE) AS date,
    hour(of_micros($since)) AS hour,
    q.instrument_id,
    of_micros(q.received_at) AS received_at,
    of_micros(q.event_at) AS event_at,
    q.connection AS connection_id,
    q.number AS frame,
    q.position,
    q.outcome_index,
    of_millionths(q.bid) AS bid,
    of_millionths(q.bid_size) AS bid_size,
    of_millionths(q.ask) AS ask,
    of_millionths(q.ask_size) AS ask_size,
    of_millionths(q.last) AS last_price,
    of_millionths(q.volume) AS volume,
    of_millionths(q.open_interest) AS open_interest
FROM quotes q
JOIN preferred_chains r USING (chain, instrument_id)
WHERE q.received_at >= r.preferred_from AND q.received_at < r.preferred_to
