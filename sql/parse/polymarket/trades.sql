-- about: Data API trades, typed, in the v2 (snake_case) and the v1 (camelCase) shape.
-- grain: raw object
-- inputs: raw_objects
-- price_text and size_text are the digits as served: DuckDB reformats JSON numbers (0.30 becomes 0.3), and
-- the text is part of a trade's identity. A key can only match outside of strings, where quotes are escaped;
-- where a nested key of the same name comes first, the values differ and DuckDB's print is taken.
-- asked and walk: which walk a row was read by (see trades_core_trades), judged over bad rows too: a walk whose
-- first page holds no good row is a walk of its own.
WITH walks AS (
    SELECT *, regexp_replace(regexp_replace(request, '([?&])cursor=[^&]*&?', '\1'), '[?&]$', '') AS asked
    FROM raw_objects
),
given AS (
    SELECT unit_id, page, position, endpoint, request, received_at, sha256, asked,
           max(CASE WHEN NOT regexp_matches(request, '[?&]cursor=') THEN page END)
               OVER (PARTITION BY unit_id, asked ORDER BY page) AS walk,
           as_json(payload) AS payload
    FROM walks
),
fields AS (
    SELECT * EXCLUDE (payload),
           json_transform(payload, '{
               "transaction_hash": "VARCHAR", "transactionHash": "VARCHAR", "token_id": "VARCHAR", "asset": "VARCHAR",
               "condition_id": "VARCHAR", "conditionId": "VARCHAR", "proxy_wallet": "VARCHAR",
               "proxyWallet": "VARCHAR", "side": "VARCHAR", "price": "VARCHAR", "size": "VARCHAR",
               "timestamp": "VARCHAR"}') AS f,
           regexp_extract(payload, '[{,]\s*"price"\s*:\s*(-?[0-9][0-9.eE+-]*)', 1) AS price_digits,
           regexp_extract(payload, '[{,]\s*"size"\s*:\s*(-?[0-9][0-9.eE+-]*)', 1) AS size_digits
    FROM given
),
named AS (
    SELECT * EXCLUDE (f, price_digits, size_digits),
           lower(as_id(coalesce(f.transaction_hash, f.transactionHash))) AS transaction_hash,
           as_id(coalesce(f.token_id, f.asset)) AS token_id,
           as_id(coalesce(f.condition_id, f.conditionId)) AS condition_id,
           lower(as_id(coalesce(f.proxy_wallet, f.proxyWallet))) AS trader,
           nullif(f.side, '') AS side,
           f.timestamp AS time_text,
           CASE WHEN TRY_CAST(price_digits AS DOUBLE) = TRY_CAST(f.price AS DOUBLE) THEN price_digits ELSE f.price END
               AS price_text,
           CASE WHEN TRY_CAST(size_digits AS DOUBLE) = TRY_CAST(f.size AS DOUBLE) THEN size_digits ELSE f.size END
               AS size_text
    FROM fields
),
typed AS (
    SELECT *,
           as_epoch(CASE WHEN regexp_full_match(time_text, '[0-9]+') THEN time_text END) AS event_at,
           CASE WHEN regexp_full_match(price_text, '-?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?')
                THEN TRY_CAST(price_text AS DECIMAL(18, 12)) END AS price,
           CASE WHEN regexp_full_match(size_text, '-?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?')
                THEN TRY_CAST(size_text AS DECIMAL(18, 6)) END AS size
    FROM named
)
SELECT *,
       CASE
           WHEN transaction_hash IS NULL THEN 'no transaction hash, or no JSON object: the trade has no identity'
           WHEN token_id IS NULL THEN 'no token id'
           WHEN condition_id IS NULL THEN 'no condition id'
           WHEN event_at IS NULL THEN 'expected Unix seconds, got ' || coalesce(time_text, 'nothing')
           WHEN price IS NULL THEN 'expected a price in 0..1, got ' || coalesce(price_text, 'nothing')
           WHEN price NOT BETWEEN 0 AND 1 THEN 'expected a price in 0..1, got ' || price_text
           WHEN size IS NULL THEN 'expected a size in shares below 1e12, got ' || coalesce(size_text, 'nothing')
           WHEN size <= 0 THEN 'expected a size above 0 (6 decimals), got ' || size_text
       END AS reject_reason,
       CASE
           WHEN transaction_hash IS NULL THEN '$.transaction_hash'
           WHEN token_id IS NULL THEN '$.token_id'
           WHEN condition_id IS NULL THEN '$.condition_id'
           WHEN event_at IS NULL THEN '$.timestamp'
           WHEN price IS NULL OR price NOT BETWEEN 0 AND 1 THEN '$.price'
           ELSE '$.size'
       END AS reject_path,
       CASE WHEN reject_reason IS NOT NULL THEN 'polymarket:' || condition_id END AS reject_instrument_id,
       CASE WHEN reject_reason IS NOT NULL THEN token_id END AS reject_token_id,
       CASE WHEN reject_reason IS NOT NULL THEN believable_time(event_at, received_at) END AS reject_from_at
FROM typed
