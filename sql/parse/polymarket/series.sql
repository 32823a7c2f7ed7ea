-- about: Gamma series, typed.
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT unit_id, page, position, received_at, sha256,
           json_transform(as_json(payload), '{
               "id": "VARCHAR", "slug": "VARCHAR", "title": "VARCHAR", "recurrence": "VARCHAR",
               "updatedAt": "VARCHAR", "tags": [{"label": "VARCHAR"}], "categories": [{"label": "VARCHAR"}]}') AS f
    FROM raw_objects
)
SELECT *, as_id(f.id) AS native_id,
       CASE WHEN as_id(f.id) IS NULL THEN 'no series id, or no JSON object' END AS reject_reason,
       '$.id' AS reject_path
FROM given
