-- about: trades of the toy venue, typed
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT *, json_transform(as_json(payload), '{"id": "VARCHAR", "market": "VARCHAR", "price": "VARCHAR", "size": "VARCHAR",
        "side": "VARCHAR", "at": "VARCHAR"}') AS f
    FROM raw_objects
)
SELECT
    unit_id, page, position, received_at, sha256, as_id(f.id) AS trade_id, 'toy:' || as_id(f.market) AS instrument_id,
    as_time(f.at) AS event_at, f.price AS price_text, TRY_CAST(f.price AS DECIMAL(18, 12)) AS price,
    TRY_CAST(f.size AS DECIMAL(18, 6)) AS size, f.side AS side,
    CASE WHEN as_id(f.id) IS NULL OR as_id(f.market) IS NULL OR as_time(f.at) IS NULL THEN 'id: no trade' END AS reject_reason,
    '$.id' AS reject_path
FROM given
