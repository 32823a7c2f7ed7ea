-- about: CLOB market rows, typed; only what they say about winners is used.
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT unit_id, page, position, received_at, sha256,
           json_transform(as_json(payload), '{
               "condition_id": "VARCHAR", "closed": "VARCHAR", "is_50_50_outcome": "VARCHAR",
               "tokens": [{"token_id": "VARCHAR", "outcome": "VARCHAR", "price": "VARCHAR", "winner": "VARCHAR"}]
           }') AS f
    FROM raw_objects
)
SELECT unit_id, page, position, received_at, sha256,
       'polymarket:' || as_id(f.condition_id) AS instrument_id,
       coalesce(TRY_CAST(f.closed AS BOOLEAN), false) AS is_closed,
       coalesce(TRY_CAST(f.is_50_50_outcome AS BOOLEAN), false) AS is_half,
       f.tokens AS tokens,
       CASE WHEN as_id(f.condition_id) IS NULL
            THEN 'no condition id, or no JSON object: the market has no identity' END AS reject_reason,
       '$.condition_id' AS reject_path
FROM given
