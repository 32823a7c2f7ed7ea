-- about: Kalshi candles, one row per candle, from the live tier (keys in dollars or whole cents) and the
--        historical one (the cents' keys, but dollars); the tier is in the context.
-- grain: candle of a raw object; one row without end_ts for an object without candles
-- inputs: raw_objects
-- The context says what was asked: ticker, minutes per candle, window in Unix seconds, tier. An object with bad
-- candles gives its good ones (is_whole false: its window proves nothing) and one reject that counts the bad.
WITH given AS (
    SELECT unit_id, page, position, received_at,
           json_transform(CASE WHEN json_valid(context) THEN context END, '{
               "ticker": "VARCHAR", "period_interval": "INTEGER", "start_ts": "BIGINT", "end_ts": "BIGINT",
               "tier": "VARCHAR"}') AS c,
           CASE WHEN json_valid(payload) THEN payload END AS payload
    FROM raw_objects
),
asked AS (
    SELECT unit_id, page, position, received_at,
           coalesce(as_id(c.ticker), as_id(payload ->> '$.market_ticker'), as_id(payload ->> '$.ticker'))
               AS ticker,
           c.period_interval AS period_minutes, c.start_ts AS from_ts, c.end_ts AS to_ts,
           c.tier = 'historical' AS is_old, json_extract(payload, '$.candlesticks') AS list,
           CASE
               WHEN ticker IS NULL THEN 'no ticker'
               WHEN coalesce(period_minutes NOT IN (1, 60, 1440), true) OR from_ts IS NULL OR to_ts IS NULL
                    OR coalesce(c.tier NOT IN ('live', 'historical'), true)
                   THEN 'the context lacks period_interval (1, 60 or 1440), start_ts, end_ts or tier'
               WHEN coalesce(json_type(list) NOT IN ('ARRAY', 'NULL'), true) THEN 'expected a list of candles'
           END AS fault
    FROM given
),
listed AS (
    SELECT * EXCLUDE (list, fault),
           coalesce(json_transform(list, '[{
               "end_period_ts": "VARCHAR", "volume": "VARCHAR", "volume_fp": "VARCHAR", "open_interest": "VARCHAR",
               "open_interest_fp": "VARCHAR", "price": "JSON", "yes_bid": "JSON", "yes_ask": "JSON"}]'), []) AS ks
    FROM asked
    WHERE fault IS NULL
),
candles AS (
    SELECT * EXCLUDE (ks), unnest(CASE WHEN len(ks) > 0 THEN ks ELSE [NULL] END) AS k,
           unnest(CASE WHEN len(ks) > 0 THEN range(len(ks)) ELSE [NULL] END) AS place
    FROM listed
),
split AS (
    SELECT *,
           json_transform(k.price, '{
               "open": "VARCHAR", "high": "VARCHAR", "low": "VARCHAR", "close": "VARCHAR", "previous": "VARCHAR",
               "open_dollars": "VARCHAR", "high_dollars": "VARCHAR", "low_dollars": "VARCHAR",
               "close_dollars": "VARCHAR", "previous_dollars": "VARCHAR"}') AS p,
           json_transform(k.yes_bid, '{"close": "VARCHAR", "close_dollars": "VARCHAR"}') AS b,
           json_transform(k.yes_ask, '{"close": "VARCHAR", "close_dollars": "VARCHAR"}') AS a
    FROM candles
),
named AS (
    -- Without a suffix a key holds dollars in the historical tier and cents in the live one.
    SELECT * EXCLUDE (p, b, a),
           [{'name': x.name, 'dollars': coalesce(nullif(x.dollars, ''), CASE WHEN is_old THEN x.bare END),
             'cents': CASE WHEN NOT is_old THEN x.bare END}
            FOR x IN [
                {'name': 'price.open', 'dollars': p.open_dollars, 'bare': p.open},
                {'name': 'price.high', 'dollars': p.high_dollars, 'bare': p.high},
                {'name': 'price.low', 'dollars': p.low_dollars, 'bare': p.low},
                {'name': 'price.close', 'dollars': p.close_dollars, 'bare': p.close},
                {'name': 'price.previous', 'dollars': p.previous_dollars, 'bare': p.previous},
                {'name': 'yes_bid.close', 'dollars': b.close_dollars, 'bare': b.close},
                {'name': 'yes_ask.close', 'dollars': a.close_dollars, 'bare': a.close}]] AS fields
    FROM split
),
typed AS (
    SELECT * EXCLUDE (fields),
           CASE WHEN regexp_full_match(k.end_period_ts, '[0-9]{1,11}') THEN CAST(k.end_period_ts AS BIGINT) END
               AS end_ts,
           [kalshi_price(x.dollars, x.cents) FOR x IN fields] AS prices,
           [kalshi_price_fault(x.name, x.dollars, x.cents) FOR x IN fields] AS price_faults,
           TRY_CAST(kalshi_size(k.volume_fp, k.volume) AS DECIMAL(18, 6)) AS volume,
           TRY_CAST(kalshi_size(k.open_interest_fp, k.open_interest) AS DECIMAL(18, 6)) AS open_interest
    FROM named
),
faulted AS (
    SELECT * EXCLUDE (price_faults),
           CASE WHEN place IS NOT NULL THEN coalesce(
               CASE
                   WHEN k IS NULL THEN 'expected an object'
                   WHEN as_epoch(CAST(end_ts AS VARCHAR)) IS NULL
                       THEN 'end_period_ts: expected Unix seconds, got ' || coalesce(left(k.end_period_ts, 40), 'nothing')
                   WHEN coalesce(json_type(k.price), 'NULL') NOT IN ('OBJECT', 'NULL')
                        OR coalesce(json_type(k.yes_bid), 'NULL') NOT IN ('OBJECT', 'NULL')
                        OR coalesce(json_type(k.yes_ask), 'NULL') NOT IN ('OBJECT', 'NULL')
                       THEN 'price, yes_bid, yes_ask: expected objects'
               END,
               [x FOR x IN price_faults IF x IS NOT NULL][1],
               CASE
                   WHEN len([x FOR x IN prices[1:4] IF x IS NULL]) NOT IN (0, 4)
                       THEN 'price: some of open, high, low and close are missing'
                   WHEN prices[3] > least(prices[1], prices[4]) OR prices[2] < greatest(prices[1], prices[4])
                       THEN 'price: open or close is not between low and high'
               END,
               kalshi_size_fault('volume', k.volume_fp, k.volume),
               kalshi_size_fault('open_interest', k.open_interest_fp, k.open_interest)
           ) END AS candle_fault
    FROM typed
),
judged AS (
    SELECT *, count(candle_fault) OVER (PARTITION BY unit_id, page, position) = 0 AS is_whole
    FROM faulted
)
SELECT unit_id, page, position, received_at, ticker, period_minutes, from_ts, to_ts, is_old, is_whole, end_ts,
       prices[1] AS open, prices[2] AS high, prices[3] AS low, prices[4] AS close, prices[5] AS previous_close,
       prices[6] AS bid_close, prices[7] AS ask_close, volume, open_interest,
       CAST(NULL AS VARCHAR) AS reject_reason, CAST(NULL AS VARCHAR) AS reject_path
FROM judged
WHERE candle_fault IS NULL
UNION ALL BY NAME
SELECT unit_id, page, position, fault AS reject_reason,
       CASE WHEN starts_with(fault, 'expected') THEN '$.candlesticks' ELSE '$' END AS reject_path
FROM asked
WHERE fault IS NOT NULL
UNION ALL BY NAME
SELECT unit_id, page, position,
       count(*) || ' bad candles; the first: ' || arg_min(candle_fault, place) AS reject_reason,
       '$.candlesticks[' || min(place) || ']' AS reject_path
FROM judged
WHERE candle_fault IS NOT NULL
GROUP BY unit_id, page, position
