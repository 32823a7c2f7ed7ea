-- about: executions of one hour, from the chain that is preferred for the instrument at that time
-- grain: connection, frame, position
-- inputs: trades, preferred_chains
-- Kalshi sends the price of yes and the side that the taker took. A row has the outcome that the taker bought, at that
-- outcome's own price, as in core.trades: a taker of no at yes 0.31 bought outcome 1 at 0.69. If the frame has no side,
-- the outcome is NULL and the price is that of yes. Polymarket sends the traded token.
WITH read_once AS (
    SELECT
        * EXCLUDE (outcome_index),
        CASE
            WHEN venue_has_tokens($venue) THEN outcome_index
            WHEN buys THEN 0
            WHEN NOT buys THEN 1
        END AS outcome_index,
        CASE outcome_index WHEN 0 THEN price ELSE 1000000 - price END AS units_0
    FROM trades
)

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
    of_millionths(CASE t.outcome_index WHEN 1 THEN 1000000 - t.units_0 ELSE t.units_0 END) AS price,
    of_millionths(t.units_0) AS price_0,
    of_millionths(t.size) AS size,
    CASE
        WHEN t.buys IS NULL THEN NULL
        WHEN NOT venue_has_tokens($venue) THEN if(t.buys, 1, -1)
        ELSE if(t.buys = (t.outcome_index = 0), 1, -1)
    END AS taker_direction,
    t.is_block
FROM read_once t
JOIN preferred_chains r USING (chain, instrument_id)
WHERE t.received_at >= r.preferred_from AND t.received_at < r.preferred_to
