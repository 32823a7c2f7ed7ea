-- about: Kalshi candles, one row per candle, from the live tier (keys in dollars or whole cents) and the
--        historical one (the cents' keys, but dollars); the tier is in the context.
-- grain: candle of a raw object; one row without end_ts for an object without candles
-- inputs: raw_objects
-- The context says what was asked: ticker, minutes per candle, window in Unix seconds, tier. An object with bad
-- candles gives its good ones, with the days of the bad ones (NULL: without a readable end, of any day), and a reject
-- per such day that counts them.
-- Candles are many and wide: only the last, narrow step is read twice, so that nothing else is held in memory.
WITH given AS MATERIALIZED (
    -- One reading of the whole object: each function that reads 2,048 objects of a hundred candles needs some
    -- 130 MB, and json_valid would be one more (TRY gives NULL for what is no JSON).
    SELECT unit_id, page, position, received_at,
           json_transform(CASE WHEN json_valid(context) THEN context END, '{
               "ticker": "VARCHAR", "period_interval": "INTEGER", "start_ts": "BIGINT", "end_ts": "BIGINT",
               "tier": "VARCHAR"}') AS c,
           TRY(json_transform(mended_json(payload), '{"market_ticker": "VARCHAR", "ticker": "VARCHAR", "candlesticks": ["JSON"]}'))
               AS j,
           regexp_matches(payload, '"candlesticks"\s*:\s*null') AS has_none
    FROM raw_objects
),
asked AS (
    SELECT unit_id, page, position, received_at,
           coalesce(as_id(c.ticker), as_id(j.market_ticker), as_id(j.ticker)) AS ticker,
           c.period_interval AS period_minutes, c.start_ts AS from_ts, c.end_ts AS to_ts,
           c.tier = 'historical' AS is_old,
           CASE
               WHEN ticker IS NULL THEN 'no ticker'
               WHEN coalesce(period_minutes NOT IN (1, 60, 1440), true) OR from_ts IS NULL OR to_ts IS NULL
                    OR coalesce(c.tier NOT IN ('live', 'historical'), true)
                   THEN 'the context lacks period_interval (1, 60 or 1440), start_ts, end_ts or tier'
               WHEN j IS NULL OR (j.candlesticks IS NULL AND NOT has_none) THEN 'expected a list of candles'
           END AS fault
    FROM given
),
texts AS (
    SELECT unit_id, page, position, unnest(j.candlesticks) AS candle, unnest(range(len(j.candlesticks))) AS place
    FROM given
),
joined AS (
    -- Candles and what is said once per object meet in a join: what is computed from the whole object next to an
    -- unnest would be computed, and held, per candle.
    SELECT a.*, t.candle, t.place, t.place IS NOT NULL AS has_candles
    FROM asked a
    LEFT JOIN texts t
        ON t.unit_id = a.unit_id AND t.page = a.page AND t.position = a.position AND a.fault IS NULL
),
candles AS (
    SELECT * EXCLUDE (candle),
           CASE WHEN json_type(candle) = 'OBJECT' THEN json_transform(candle, '{
               "end_period_ts": "VARCHAR", "volume": "VARCHAR", "volume_fp": "VARCHAR", "open_interest": "VARCHAR",
               "open_interest_fp": "VARCHAR", "price": "JSON", "yes_bid": "JSON", "yes_ask": "JSON"}') END AS k
    FROM joined
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
typed AS MATERIALIZED (
    SELECT unit_id, page, position, received_at, ticker, period_minutes, from_ts, to_ts, is_old, fault, has_candles,
           place,
           CASE WHEN regexp_full_match(k.end_period_ts, '[0-9]{1,11}') THEN TRY_CAST(k.end_period_ts AS BIGINT) END
               AS end_ts,
           kalshi_price_of_candle(is_old, p.open_dollars, p.open) AS open,
           kalshi_price_of_candle(is_old, p.high_dollars, p.high) AS high,
           kalshi_price_of_candle(is_old, p.low_dollars, p.low) AS low,
           kalshi_price_of_candle(is_old, p.close_dollars, p.close) AS close,
           kalshi_price_of_candle(is_old, p.previous_dollars, p.previous) AS previous_close,
           kalshi_price_of_candle(is_old, b.close_dollars, b.close) AS bid_close,
           kalshi_price_of_candle(is_old, a.close_dollars, a.close) AS ask_close,
           TRY_CAST(kalshi_size(k.volume_fp, k.volume) AS DECIMAL(18, 6)) AS volume,
           TRY_CAST(kalshi_size(k.open_interest_fp, k.open_interest) AS DECIMAL(18, 6)) AS open_interest,
           CASE WHEN has_candles THEN coalesce(
               CASE
                   WHEN k IS NULL THEN 'expected an object'
                   WHEN as_epoch(CAST(end_ts AS VARCHAR)) IS NULL
                       THEN 'end_period_ts: expected Unix seconds, got ' || coalesce(left(k.end_period_ts, 40), 'nothing')
                   WHEN coalesce(json_type(k.price), 'NULL') NOT IN ('OBJECT', 'NULL')
                        OR coalesce(json_type(k.yes_bid), 'NULL') NOT IN ('OBJECT', 'NULL')
                        OR coalesce(json_type(k.yes_ask), 'NULL') NOT IN ('OBJECT', 'NULL')
                       THEN 'price, yes_bid, yes_ask: expected objects'
               END,
               kalshi_price_fault_of_candle('price.open', is_old, p.open_dollars, p.open),
               kalshi_price_fault_of_candle('price.high', is_old, p.high_dollars, p.high),
               kalshi_price_fault_of_candle('price.low', is_old, p.low_dollars, p.low),
               kalshi_price_fault_of_candle('price.close', is_old, p.close_dollars, p.close),
               kalshi_price_fault_of_candle('price.previous', is_old, p.previous_dollars, p.previous),
               kalshi_price_fault_of_candle('yes_bid.close', is_old, b.close_dollars, b.close),
               kalshi_price_fault_of_candle('yes_ask.close', is_old, a.close_dollars, a.close),
               CASE
                   WHEN (open IS NULL OR high IS NULL OR low IS NULL OR close IS NULL)
                        AND coalesce(open, high, low, close) IS NOT NULL
                       THEN 'price: some of open, high, low and close are missing'
                   WHEN low > least(open, close) OR high < greatest(open, close)
                       THEN 'price: open or close is not between low and high'
               END,
               kalshi_size_fault('volume', k.volume_fp, k.volume),
               kalshi_size_fault('open_interest', k.open_interest_fp, k.open_interest)
           ) END AS candle_fault
    FROM split
),
bad AS (
    SELECT unit_id, page, position, day,
           count(*) || ' bad candles; the first: ' || arg_min(candle_fault, place) AS reject_reason,
           '$.candlesticks[' || min(place) || ']' AS reject_path,
           'kalshi:' || any_value(ticker) AS reject_instrument_id,
           coalesce(min(as_epoch(CAST(end_ts - period_minutes * 60 AS VARCHAR))) FILTER (day IS NOT NULL),
                    as_epoch(CAST(any_value(from_ts) AS VARCHAR))) AS reject_from_at,
           coalesce(max(as_epoch(CAST(end_ts AS VARCHAR))) FILTER (day IS NOT NULL),
                    as_epoch(CAST(any_value(to_ts) AS VARCHAR))) AS reject_to_at,
           count(*) AS reject_rows,
           count(*) FILTER (day IS NULL OR (end_ts > from_ts AND end_ts - period_minutes * 60 < to_ts)) AS wanted_rows
    FROM (
        -- A microsecond before its end a candle is inside of its day.
        SELECT *, CAST((as_epoch(CAST(end_ts AS VARCHAR)) - INTERVAL 1 MICROSECOND)
                       AT TIME ZONE CASE period_minutes WHEN 1440 THEN 'America/New_York' ELSE 'UTC' END AS DATE) AS day
        FROM typed
        WHERE candle_fault IS NOT NULL
    )
    GROUP BY unit_id, page, position, day
),
lost AS (
    SELECT unit_id, page, position, list({'date': day, 'rows': wanted_rows}) AS bad_days
    FROM bad
    WHERE wanted_rows > 0
    GROUP BY unit_id, page, position
)
SELECT t.* EXCLUDE (fault, candle_fault, has_candles, place), l.bad_days,
       t.fault AS reject_reason,
       CASE WHEN starts_with(t.fault, 'expected') THEN '$.candlesticks' ELSE '$' END AS reject_path,
       'kalshi:' || t.ticker AS reject_instrument_id,
       as_epoch(CAST(t.from_ts AS VARCHAR)) AS reject_from_at,
       as_epoch(CAST(t.to_ts AS VARCHAR)) AS reject_to_at,
       1 AS reject_rows
FROM typed t
LEFT JOIN lost l USING (unit_id, page, position)
WHERE t.candle_fault IS NULL
UNION ALL BY NAME
SELECT * EXCLUDE (day, wanted_rows) FROM bad
