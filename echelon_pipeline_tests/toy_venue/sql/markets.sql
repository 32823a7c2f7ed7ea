-- about: markets of the toy venue, typed
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT *, json_transform(as_json(payload), '{"id": "VARCHAR", "title": "VARCHAR", "status": "VARCHAR"}') AS f
    FROM raw_objects
)
SELECT
    unit_id, page, position, received_at, sha256, as_id(f.id) AS native_id, 'toy:' || as_id(f.id) AS instrument_id, f.title AS title,
    f.status AS status,
    CASE WHEN as_id(f.id) IS NULL THEN 'id: no id' END AS reject_reason,
    '$.id' AS reject_path
FROM given
