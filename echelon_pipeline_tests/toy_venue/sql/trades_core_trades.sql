-- about: trades of the toy venue
-- grain: trade_id
-- inputs: parsed
SELECT DISTINCT ON (trade_id)
    'toy' AS venue, utc_day(event_at) AS date, trade_id, trade_id AS set_id, instrument_id, event_at,
    if(side = 'yes', 0, 1) AS outcome_index, price, price_text, if(side = 'yes', price, 1 - price) AS price_0, size,
    notional(price, size) AS taker_notional_usd, if(side = 'yes', 1, -1) AS taker_direction, 'buy' AS taker_side,
    false AS is_block_trade, 0 AS ordinal, 'match' AS grain, 'strong' AS identity, 'toy trades' AS source,
    received_at AS observed_at, sha256 AS raw_sha256
FROM parsed
