-- about: what a listener can watch: open instruments, the most traded first
-- grain: instrument
-- inputs: core.instruments, core.outcomes, mart.market_overview
-- Combos are left out: they have no books worth a stream, and there are millions. So are Polymarket's markets without
-- exactly two tokens: which of them is outcome 0, and what mirrors it, is not known.
SELECT
    i.venue,
    i.instrument_id,
    i.native_id,
    (
        SELECT array_agg(o.token_id ORDER BY o.outcome_index)
        FROM core.outcomes o
        WHERE o.instrument_id = i.instrument_id AND o.token_id IS NOT NULL
    ) AS tokens,
    i.closes_at,
    CAST(i.tick_size AS VARCHAR) AS tick_size,
    CAST(i.min_order_size AS VARCHAR) AS min_order_size,
    i.is_neg_risk
FROM core.instruments i
LEFT JOIN mart.market_overview m ON m.instrument_id = i.instrument_id
WHERE
    i.status = 'active'
    AND NOT i.is_combo
    AND i.venue IN (SELECT unnest($venues))
    AND (i.venue <> 'polymarket' OR (
        SELECT count(*) = 2 AND count(o.token_id) = 2 FROM core.outcomes o WHERE o.instrument_id = i.instrument_id
    ))
    AND (len($ids) = 0 OR i.instrument_id IN (SELECT unnest($ids)))
ORDER BY m.volume_24h DESC NULLS LAST, i.instrument_id
LIMIT $most
