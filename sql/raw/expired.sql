-- about: objects of old days that nobody needs: neither the latest old one of an object that is still listed, nor of a
--        listing that has not been derived
-- The latest old one is what the venue serves now or served until a newer one was stored: it was last seen later.
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
