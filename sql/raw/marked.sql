-- about: rows of raw.last_seen for every object served to a unit: its last payload and since when it is served
-- grain: one object of one endpoint
-- inputs: seen, last_seen
WITH latest AS (
    SELECT venue, endpoint, object_key, arg_max(sha256, (page, position)) AS sha256
    FROM seen
    GROUP BY ALL
),

times AS (
    SELECT l.venue, l.endpoint, l.object_key, l.sha256, min(s.received_at) AS first_at, max(s.received_at) AS last_at
    FROM latest l
    JOIN seen s USING (venue, endpoint, object_key, sha256)
    GROUP BY ALL
)

SELECT
    t.venue,
    t.endpoint,
    bucket_of(t.object_key) AS bucket,
    t.object_key,
    t.sha256,
    CASE WHEN k.sha256 = t.sha256 THEN least(k.first_seen_at, t.first_at) ELSE t.first_at END AS first_seen_at,
    t.last_at AS last_seen_at
FROM times t
LEFT JOIN last_seen k USING (venue, endpoint, object_key)
