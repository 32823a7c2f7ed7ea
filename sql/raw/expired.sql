-- about: objects of old days that can be deleted. Kept are the latest old version of an object that is still listed,
--        and the objects of a listing that was not derived yet
-- The venue still serves the latest old version, or served it until a newer one was stored: it was last seen later.
-- grain: object
-- inputs: objects, last_seen, pending
WITH latest AS (
    SELECT endpoint, object_key, max((unit_id, page, position)) AS place
    FROM objects
    SEMI JOIN last_seen USING (endpoint, object_key)
    GROUP BY ALL
)

SELECT o.date, o.unit_id, o.page, o.position
FROM objects o
LEFT JOIN latest l USING (endpoint, object_key)
WHERE (l.place IS NULL OR l.place <> (o.unit_id, o.page, o.position))
    AND o.unit_id NOT IN (SELECT unit_id FROM pending)
