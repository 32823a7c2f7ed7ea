-- about: executions of one hour, of the chain whose word counts for the instrument at that instant
-- grain: connection, frame, position
-- inputs: trades, ruling
SELECT
    $venue AS venue,
    CAST(of_micros($since) AS DATE) AS date,
    hour(of_micros($since)) AS hour,
    t.instrument_id,
    of_micros(t.received_at) AS received_at,
    of_micros(t.event_at) AS event_at,
    t.connection AS connection_id,
    t.number AS frame,
    t.position,
    t.trade_id,
    t.outcome_index,
    of_millionths(t.price) AS price,
    of_millionths(CASE t.outcome_index WHEN 0 THEN t.price ELSE 1000000 - t.price END) AS price_0,
    of_millionths(t.size) AS size,
    CASE WHEN t.buys IS NULL THEN NULL WHEN t.buys = (t.outcome_index = 0) THEN 1 ELSE -1 END AS taker_direction,
    t.is_block
FROM trades t
JOIN ruling r USING (chain, instrument_id)
WHERE t.received_at >= r.rules_from AND t.received_at < r.rules_to
