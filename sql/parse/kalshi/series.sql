-- about: Kalshi series, typed.
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT unit_id, page, position, received_at, sha256,
           json_transform(as_json(payload), '{
               "ticker": "VARCHAR", "title": "VARCHAR", "category": "VARCHAR", "categories": "VARCHAR",
               "tags": "VARCHAR", "frequency": "VARCHAR", "fee_type": "VARCHAR", "fee_multiplier": "VARCHAR",
               "settlement_sources": "JSON", "last_updated_ts": "VARCHAR"}') AS f
    FROM raw_objects
)
SELECT *, as_id(f.ticker) AS native_id,
       CASE WHEN native_id IS NULL THEN 'ticker: no ticker, or no JSON object: the series has no identity' END
           AS reject_reason,
       '$.ticker' AS reject_path
FROM given
