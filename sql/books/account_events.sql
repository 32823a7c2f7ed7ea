-- about: account events of the venue's listeners in one hour
-- grain: connection, frame, position
-- inputs: account, tokens
-- tokens: outcomes of all watched instruments; an account also trades others.
SELECT
    $venue AS venue,
    CAST(of_micros($since) AS DATE) AS date,
    hour(of_micros($since)) AS hour,
    a.listener,
    of_micros(a.received_at) AS received_at,
    of_micros(a.event_at) AS event_at,
    a.connection AS connection_id,
    a.number AS frame,
    a.position,
    a.kind,
    $venue || ':' || a.market AS instrument_id,
    a.token,
    CASE WHEN NOT venue_has_tokens($venue) AND a.token IS NOT NULL THEN 0 ELSE t.outcome_index END AS outcome_index,
    a.buys AS is_buy,
    of_millionths(a.price) AS price,
    of_millionths(a.size) AS size,
    of_millionths(a.filled) AS filled,
    of_millionths(a.remaining) AS remaining,
    of_millionths(a.fee) AS fee_usd,
    a.order_id,
    a.client_order_id,
    a.trade_id,
    a.is_maker,
    a.change,
    a.status,
    a.builder_code,
    a.payload
FROM account a
LEFT JOIN tokens t USING (token)
