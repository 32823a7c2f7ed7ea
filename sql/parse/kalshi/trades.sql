-- about: Kalshi trades, typed, in the cent, the transition and the dollar shape, from the live and historical tier.
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT unit_id, page, position, request, received_at, sha256,
           json_transform(CASE WHEN json_valid(payload) THEN payload END, '{
               "trade_id": "VARCHAR", "ticker": "VARCHAR", "market_ticker": "VARCHAR", "count": "VARCHAR",
               "count_fp": "VARCHAR", "yes_price": "VARCHAR", "no_price": "VARCHAR", "yes_price_dollars": "VARCHAR",
               "no_price_dollars": "VARCHAR", "taker_outcome_side": "VARCHAR", "taker_side": "VARCHAR",
               "taker_book_side": "VARCHAR", "created_time": "VARCHAR", "is_block_trade": "VARCHAR"}') AS f
    FROM raw_objects
),
numbers AS (
    -- Each text becomes a number once: the checks below look at these.
    SELECT *,
           as_number(f.yes_price_dollars) AS yes_dollars, as_number(f.yes_price) AS yes_cents,
           as_number(f.no_price_dollars) AS no_dollars, as_number(f.no_price) AS no_cents,
           as_number(f.count_fp) AS fixed, as_number(f.count) AS whole
    FROM given
),
typed AS (
    SELECT *,
           as_id(f.trade_id) AS trade_id,
           coalesce(as_id(f.ticker), as_id(f.market_ticker)) AS ticker,
           -- Years above 9999 are legal for DuckDB, and for nobody who reads the table.
           CASE WHEN f.created_time[5] = '-' THEN as_time(f.created_time) END AS event_at,
           coalesce(yes_dollars, yes_cents * CAST(0.01 AS DECIMAL(3, 2))) AS said_yes,
           coalesce(no_dollars, no_cents * CAST(0.01 AS DECIMAL(3, 2))) AS said_no,
           coalesce(nullif(f.yes_price_dollars, ''), nullif(f.yes_price, '')) AS yes_text,
           coalesce(nullif(f.no_price_dollars, ''), nullif(f.no_price, '')) AS no_text,
           coalesce(fixed, whole) AS size,
           coalesce(
               nullif(lower(f.taker_outcome_side), ''), nullif(lower(f.taker_side), ''),
               CASE lower(f.taker_book_side) WHEN 'bid' THEN 'yes' WHEN 'ask' THEN 'no' END
           ) AS side,
           -- Today's plain shape, whole and in range: nearly every row; only the others are asked what is wrong.
           coalesce(
               f.yes_price IS NULL AND f.no_price IS NULL AND f.count IS NULL
               AND yes_dollars BETWEEN 0 AND 1 AND yes_dollars + no_dollars = 1
               AND fixed >= CAST(0.000001 AS DECIMAL(7, 6)) AND fixed < 999999999999,
               false
           ) AS is_plain
    FROM numbers
),
judged AS (
    SELECT * EXCLUDE (said_yes, said_no),
           coalesce(said_yes, 1 - said_no) AS yes_price,
           coalesce(said_no, 1 - said_yes) AS no_price,
           CASE
               WHEN trade_id IS NULL THEN 'trade_id: no trade id, or no JSON object: the trade has no identity'
               WHEN ticker IS NULL THEN 'ticker: no ticker'
               WHEN event_at IS NULL
                   THEN 'created_time: expected a time, got ' || coalesce(left(f.created_time, 40), 'nothing')
               WHEN NOT is_plain THEN coalesce(
                   kalshi_price_fault('yes_price', f.yes_price_dollars, f.yes_price),
                   kalshi_price_fault('no_price', f.no_price_dollars, f.no_price),
                   CASE
                       WHEN coalesce(said_yes, said_no) IS NULL THEN 'yes_price_dollars: no price'
                       WHEN said_yes + said_no <> 1
                           THEN 'yes_price_dollars: ' || yes_text || ' and the price of no ' || no_text
                                || ' do not sum to 1'
                   END,
                   kalshi_size_fault('count', f.count_fp, f.count),
                   CASE
                       WHEN size IS NULL THEN 'count_fp: no size'
                       -- Sizes are kept in 1e-6 contracts.
                       WHEN CAST(size AS DECIMAL(20, 6)) <= 0
                           THEN 'count_fp: expected contracts above 0, got ' || CAST(size AS VARCHAR)
                       WHEN TRY_CAST(size AS DECIMAL(18, 6)) IS NULL
                           THEN 'count_fp: expected contracts below 1e12, got ' || CAST(size AS VARCHAR)
                   END
               )
           END AS reject_reason
    FROM typed
)
SELECT unit_id, page, position, request, received_at, sha256, trade_id, ticker, event_at, yes_price, no_price,
       yes_text, no_text, size, side, f.is_block_trade AS is_block_trade, reject_reason,
       '$.' || regexp_extract(reject_reason, '^([a-z_]+)', 1) AS reject_path
FROM judged
