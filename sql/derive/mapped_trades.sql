-- about: stored trades whose token or outcomes were unknown when they were read, with their instrument and outcome
-- The rows of a transaction and token are replaced as a set, so each set is complete. The derived columns are those of
-- sql/parse/polymarket/trades_core_trades.sql.
-- grain: trade_id
-- inputs: trades, known_outcomes
WITH lacking AS (
    SELECT DISTINCT token_id FROM trades WHERE price_0 IS NULL AND token_id IS NOT NULL
),

mapped AS (
    SELECT token_id, min(instrument_id) AS instrument_id, min(outcome_index) AS outcome_index
    FROM known_outcomes
    WHERE token_id IN (FROM lacking)
    GROUP BY token_id
    HAVING count(DISTINCT (instrument_id, outcome_index)) = 1
),

binaries AS (
    SELECT instrument_id
    FROM known_outcomes
    WHERE instrument_id IN (SELECT instrument_id FROM mapped)
    GROUP BY instrument_id
    HAVING count(*) = 2 AND min(outcome_index) = 0 AND max(outcome_index) = 1
),

places AS (
    SELECT m.*, b.instrument_id IS NOT NULL AS is_binary
    FROM mapped m
    LEFT JOIN binaries b USING (instrument_id)
),

stale AS (
    SELECT DISTINCT t.date, t.set_id
    FROM trades t
    JOIN places p USING (token_id)
    WHERE t.outcome_index IS NULL OR (t.price_0 IS NULL AND p.is_binary)
)

SELECT t.* REPLACE (
    coalesce(p.instrument_id, t.instrument_id) AS instrument_id,
    coalesce(p.outcome_index, t.outcome_index) AS outcome_index,
    CASE WHEN p.token_id IS NULL THEN t.unmapped_reason END AS unmapped_reason,
    CASE WHEN NOT p.is_binary THEN NULL WHEN p.outcome_index = 0 THEN t.price WHEN p.outcome_index = 1 THEN 1 - t.price
        ELSE t.price_0 END AS price_0,
    CASE
        WHEN NOT p.is_binary OR coalesce(t.taker_side, '') NOT IN ('buy', 'sell') THEN NULL
        WHEN p.is_binary THEN if((t.taker_side = 'buy') = (p.outcome_index = 0), 1, -1)
        ELSE t.taker_direction
    END AS taker_direction
)
FROM trades t
SEMI JOIN stale USING (date, set_id)
LEFT JOIN places p ON p.token_id = t.token_id
