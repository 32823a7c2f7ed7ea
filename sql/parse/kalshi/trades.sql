-- about: Kalshi trades, typed, in the cent, the transition and the dollar shape, from the live and historical tier.
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT unit_id, page, position, request, received_at, sha256,
           json_transform(as_json(payload), '{
               "trade_id": "VARCHAR", "ticker": "VARCHAR", "market_ticker": "VARCHAR", "count": "VARCHAR",
               "count_fp": "VARCHAR", "yes_price": "VARCHAR", "no_price": "VARCHAR", "yes_price_dollars": "VARCHAR",
               "no_price_dollars": "VARCHAR", "taker_outcome_side": "VARCHAR", "taker_side": "VARCHAR",
               "taker_book_side": "VARCHAR", "created_time": "VARCHAR", "is_block_trade": "VARCHAR"}') AS f
    FROM raw_objects
),
plain AS (
    -- Today's plain shape, whole and in range: nearly every row. Below 10^6 a number fits 64 bits, which casts
    -- five times faster than 128; only the other rows are read with all digits and asked what is wrong.
    SELECT *,
           as_small_number(f.yes_price_dollars) AS plain_yes,
           as_small_number(f.no_price_dollars) AS plain_no,
           as_small_number(f.count_fp) AS plain_size,
           coalesce(
               f.yes_price IS NULL AND f.no_price IS NULL AND f.count IS NULL
               AND plain_yes BETWEEN 0 AND 1 AND plain_yes + plain_no = 1
               AND plain_size >= CAST(0.000001 AS DECIMAL(7, 6)),
               false
           ) AS is_plain
    FROM given
),
typed AS (
    SELECT *,
           as_id(f.trade_id) AS trade_id,
           coalesce(as_id(f.ticker), as_id(f.market_ticker)) AS ticker,
           -- Years above 9999 are legal for DuckDB, but no reader of the table takes them.
           CASE WHEN f.created_time[5] = '-' THEN as_time(f.created_time) END AS event_at,
           CASE WHEN NOT is_plain THEN kalshi_price(f.yes_price_dollars, f.yes_price) END AS said_yes,
           CASE WHEN NOT is_plain THEN kalshi_price(f.no_price_dollars, f.no_price) END AS said_no,
           CASE WHEN NOT is_plain THEN kalshi_size(f.count_fp, f.count) END AS said_size,
           coalesce(nullif(f.yes_price_dollars, ''), nullif(f.yes_price, '')) AS yes_text,
           coalesce(nullif(f.no_price_dollars, ''), nullif(f.no_price, '')) AS no_text,
           coalesce(
               nullif(lower(f.taker_outcome_side), ''), nullif(lower(f.taker_side), ''),
               CASE lower(f.taker_book_side) WHEN 'bid' THEN 'yes' WHEN 'ask' THEN 'no' END
           ) AS side
    FROM plain
),
judged AS (
    SELECT *,
           CASE WHEN is_plain THEN plain_yes
                ELSE TRY_CAST(coalesce(said_yes, 1 - said_no) AS DECIMAL(18, 12)) END AS yes_price,
           CASE WHEN is_plain THEN plain_no
                ELSE TRY_CAST(coalesce(said_no, 1 - said_yes) AS DECIMAL(18, 12)) END AS no_price,
           -- Sizes are kept in 1e-6 contracts.
           CASE WHEN is_plain THEN CAST(plain_size AS DECIMAL(18, 6))
                ELSE TRY_CAST(said_size AS DECIMAL(18, 6)) END AS size,
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
                       WHEN said_size IS NULL THEN 'count_fp: no size'
                       WHEN CAST(said_size AS DECIMAL(20, 6)) <= 0
                           THEN 'count_fp: expected contracts above 0, got ' || CAST(said_size AS VARCHAR)
                       WHEN TRY_CAST(said_size AS DECIMAL(18, 6)) IS NULL
                           THEN 'count_fp: expected contracts below 1e12, got ' || CAST(said_size AS VARCHAR)
                   END
               )
           END AS reject_reason
    FROM typed
)
SELECT unit_id, page, position, request, received_at, sha256, trade_id, ticker, event_at, yes_price, no_price,
       yes_text, no_text, size, side, f.is_block_trade AS is_block_trade, reject_reason,
       '$.' || regexp_extract(reject_reason, '^([a-z_]+)', 1) AS reject_path,
       CASE WHEN reject_reason IS NOT NULL THEN 'kalshi:' || ticker END AS reject_instrument_id,
       CASE WHEN reject_reason IS NOT NULL THEN believable_time(event_at, received_at) END AS reject_from_at
FROM judged
