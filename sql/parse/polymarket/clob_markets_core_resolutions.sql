-- about: the CLOB's winner flags of closed markets. The order of its tokens means nothing: outcomes by token id.
-- grain: instrument_id, source
-- inputs: parsed, known_outcomes
WITH latest AS (
    SELECT * FROM parsed
    WHERE is_closed
    QUALIFY row_number() OVER (
        PARTITION BY instrument_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
),
sides AS (
    SELECT instrument_id, is_half, unnest(tokens) AS t FROM latest
),
judged AS (
    SELECT s.instrument_id,
           count(*) AS tokens,
           count(*) FILTER (TRY_CAST(t.winner AS BOOLEAN)) AS winners,
           -- Half each is said by the flag and shown by both prices.
           bool_and(is_half AND coalesce(TRY_CAST(t.price AS DECIMAL(9, 6)) = 0.5, false)) AS is_half,
           max(t.outcome) FILTER (TRY_CAST(t.winner AS BOOLEAN)) AS winner,
           max(k.outcome_index) FILTER (TRY_CAST(t.winner AS BOOLEAN)) AS winning_index,
           count(DISTINCT k.outcome_index) FILTER (k.outcome_index IN (0, 1)) AS mapped
    FROM sides s
    LEFT JOIN known_outcomes k ON k.token_id = t.token_id AND k.instrument_id = s.instrument_id
    GROUP BY s.instrument_id
),
paid AS (
    SELECT *,
           winners = 1 OR (winners = 0 AND is_half) AS is_final,
           CASE
               WHEN tokens != 2 OR mapped != 2 THEN NULL
               WHEN winners = 1 THEN 1 - winning_index
               WHEN winners = 0 AND is_half THEN 0.5
           END AS payout_0
    FROM judged
)
SELECT
    'polymarket' AS venue,
    bucket_of(l.instrument_id) AS bucket,
    l.instrument_id,
    'clob' AS source,
    CASE WHEN p.is_final THEN 'settled' ELSE 'unresolved' END AS status,
    CASE WHEN p.winners = 1 THEN nullif(p.winner, '') END AS result,
    CAST(p.payout_0 AS DECIMAL(18, 12)) AS payout_0,
    1 - CAST(p.payout_0 AS DECIMAL(18, 12)) AS payout_1,
    CASE WHEN l.tokens IS NOT NULL
         THEN CAST(to_json([{'token_id': t.token_id, 'winner': t.winner, 'price': t.price} FOR t IN l.tokens])
                   AS VARCHAR) END AS payout_text,
    CASE
        WHEN p.is_final AND p.payout_0 IS NOT NULL THEN NULL
        WHEN p.is_final THEN 'the tokens are not those of two known outcomes'
        ELSE 'closed with ' || coalesce(p.winners, 0) || ' winners among ' || coalesce(p.tokens, 0) || ' tokens'
    END AS unresolved_reason,
    l.received_at AS observed_at,
    l.sha256 AS raw_sha256
FROM latest l
LEFT JOIN paid p ON p.instrument_id = l.instrument_id
