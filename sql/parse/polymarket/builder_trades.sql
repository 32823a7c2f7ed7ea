-- about: builder-attributed order legs, typed. Amounts are decimal units (5 shares at 0.01: 5, 0.05), as text.
-- grain: raw object
-- inputs: raw_objects
-- The venue's field builder is always empty; the code is in builderCode.
WITH given AS (
    SELECT unit_id, page, position, received_at, sha256,
           json_transform(as_json(payload), '{
               "id": "VARCHAR", "tradeType": "VARCHAR", "takerOrderHash": "VARCHAR", "builderCode": "VARCHAR",
               "market": "VARCHAR", "assetId": "VARCHAR", "side": "VARCHAR", "size": "VARCHAR",
               "sizeUsdc": "VARCHAR", "price": "VARCHAR", "status": "VARCHAR", "owner": "VARCHAR",
               "maker": "VARCHAR", "transactionHash": "VARCHAR", "matchTime": "VARCHAR", "feeUsdc": "VARCHAR",
               "builderFee": "VARCHAR", "updatedAt": "VARCHAR"}') AS f
    FROM raw_objects
),
typed AS (
    SELECT * EXCLUDE (f), f,
           as_id(f.id) AS leg_id,
           as_id(f.market) AS condition_id,
           as_id(f.assetId) AS token_id,
           coalesce(as_epoch(f.matchTime), as_time(f.matchTime)) AS event_at,
           lower(nullif(f.tradeType, '')) AS role,
           lower(regexp_replace(nullif(f.status, ''), '^TRADE_STATUS_', '')) AS word,
           TRY_CAST(f.price AS DECIMAL(18, 12)) AS price,
           TRY_CAST(f.size AS DECIMAL(18, 6)) AS size
    FROM given
)
SELECT *,
       CASE WHEN leg_id IS NULL THEN 'no leg id, or no JSON object'
            WHEN condition_id IS NULL THEN 'no condition id'
            WHEN event_at IS NULL THEN 'expected Unix seconds, got ' || coalesce(f.matchTime, 'nothing')
            WHEN role IS NULL THEN 'expected MAKER or TAKER, got nothing'
            WHEN word IS NULL THEN 'no status'
            WHEN price IS NULL OR price NOT BETWEEN 0 AND 1
                THEN 'expected a price in 0..1, got ' || coalesce(f.price, 'nothing')
            WHEN size IS NULL OR size <= 0 THEN 'expected a size above 0, got ' || coalesce(f.size, 'nothing')
       END AS reject_reason,
       CASE WHEN leg_id IS NULL THEN '$.id'
            WHEN condition_id IS NULL THEN '$.market'
            WHEN event_at IS NULL THEN '$.matchTime'
            WHEN role IS NULL THEN '$.tradeType'
            WHEN word IS NULL THEN '$.status'
            WHEN price IS NULL OR price NOT BETWEEN 0 AND 1 THEN '$.price'
            ELSE '$.size' END AS reject_path,
       'polymarket:' || condition_id AS reject_instrument_id,
       token_id AS reject_token_id,
       believable_time(event_at, received_at) AS reject_from_at
FROM typed
