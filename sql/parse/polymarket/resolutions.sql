-- about: Data API v2 resolutions, typed. Payouts are a pair in units of 1e-6 dollars; price 69 means unset.
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT unit_id, page, position, received_at, sha256,
           json_transform(as_json(payload), '{
               "condition_id": "VARCHAR", "status": "VARCHAR", "payouts": "VARCHAR", "price": "VARCHAR",
               "was_disputed": "VARCHAR", "resolved_at": "VARCHAR", "last_update_timestamp": "VARCHAR"}') AS f
    FROM raw_objects
)
SELECT unit_id, page, position, received_at, sha256,
       'polymarket:' || as_id(f.condition_id) AS instrument_id,
       lower(nullif(f.status, '')) AS word,
       f.payouts AS payout_text,
       [TRY_CAST(x AS DECIMAL(18, 6)) FOR x IN as_list(f.payouts)] AS micro_payouts,
       CASE WHEN TRY_CAST(f.price AS DECIMAL(18, 6)) = 69 THEN NULL ELSE nullif(f.price, '') END AS price,
       TRY_CAST(f.was_disputed AS BOOLEAN) AS was_disputed,
       coalesce(as_epoch(f.resolved_at), as_time(f.resolved_at)) AS resolved_at,
       coalesce(as_epoch(f.last_update_timestamp), as_time(f.last_update_timestamp)) AS updated_at,
       CASE WHEN as_id(f.condition_id) IS NULL THEN 'no condition id, or no JSON object'
            WHEN nullif(f.status, '') IS NULL THEN 'no status' END AS reject_reason,
       CASE WHEN as_id(f.condition_id) IS NULL THEN '$.condition_id' ELSE '$.status' END AS reject_path
FROM given
