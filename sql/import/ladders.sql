-- about: the ladders of instruments in the lake, with their venue's facts about their books; Kalshi's single ladder is
--        named by the ticker
-- grain: instrument, ladder
-- inputs: known_instruments (core.instruments), known_outcomes (core.outcomes)
SELECT
    i.instrument_id,
    coalesce(o.token_id, split_part(i.instrument_id, ':', 2)) AS ladder,
    o.outcome_index,
    epoch_us(i.closes_at) AS close_at,
    CAST(i.tick_size AS VARCHAR) AS tick_size,
    CAST(i.min_order_size AS VARCHAR) AS min_order_size,
    i.is_neg_risk
FROM known_instruments i
LEFT JOIN known_outcomes o ON o.instrument_id = i.instrument_id AND venue_has_tokens(i.venue)
WHERE
    i.venue = $venue
    AND i.instrument_id IN (
        SELECT instrument_id FROM known_outcomes WHERE token_id IN (SELECT unnest($names))
        UNION
        SELECT $venue || ':' || name FROM (SELECT unnest($names) AS name)
    )
ORDER BY i.instrument_id, o.outcome_index
