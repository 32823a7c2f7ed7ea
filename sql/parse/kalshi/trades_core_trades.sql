-- about: Kalshi matches with orientation and exact notional; a trade that both tiers serve is one row.
-- grain: trade_id
-- inputs: parsed
-- Where the taker's side is unknown the direction and the traded outcome are NULL and the price is that of yes.
-- A window over every row would cost more than the parsing: only ids that were read twice are ranked.
WITH twice AS (SELECT trade_id FROM parsed GROUP BY trade_id HAVING count(*) > 1),
first_read AS (
    SELECT *
    FROM parsed SEMI JOIN twice USING (trade_id)
    QUALIFY row_number() OVER (PARTITION BY trade_id ORDER BY received_at, unit_id, page, position) = 1
),
read_once AS (
    SELECT *, CASE WHEN side IN ('yes', 'no') THEN side END AS known_side
    FROM (FROM parsed ANTI JOIN twice USING (trade_id) UNION ALL BY NAME FROM first_read)
),
priced AS (
    SELECT *,
           CASE WHEN known_side = 'no' THEN no_price ELSE yes_price END AS price,
           CASE WHEN known_side = 'no' THEN coalesce(no_text, yes_text) ELSE coalesce(yes_text, no_text) END
               AS price_text
    FROM read_once
)
SELECT
    'kalshi' AS venue,
    utc_day(event_at) AS date,
    trade_id,
    trade_id AS set_id,
    'kalshi:' || ticker AS instrument_id,
    event_at,
    CASE known_side WHEN 'yes' THEN 0 WHEN 'no' THEN 1 END AS outcome_index,
    CASE WHEN known_side IS NULL THEN 'no taker side' END AS unmapped_reason,
    price,
    price_text,
    yes_price AS price_0,
    size,
    notional(price, size) AS taker_notional_usd,
    CASE known_side WHEN 'yes' THEN 1 WHEN 'no' THEN -1 END AS taker_direction,
    CASE WHEN known_side IS NOT NULL THEN 'buy' END AS taker_side,
    coalesce(TRY_CAST(is_block_trade AS BOOLEAN), false) AS is_block_trade,
    0 AS ordinal,
    'match' AS grain,
    'strong' AS identity,
    CASE WHEN starts_with(request, '/historical/') THEN 'kalshi historical/trades' ELSE 'kalshi markets/trades' END
        AS source,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM priced
