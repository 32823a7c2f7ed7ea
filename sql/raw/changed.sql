-- about: buffered objects whose payload differs from the previous one served: in this batch, in this unit, or ever
-- grain: one object of one page
-- inputs: buffered, seen, last_seen
WITH earlier AS (
    SELECT endpoint, object_key, arg_max(sha256, (page, position)) AS sha256
    FROM seen
    SEMI JOIN buffered USING (endpoint, object_key)
    GROUP BY ALL
),

stored AS (
    SELECT endpoint, object_key, sha256
    FROM last_seen
    SEMI JOIN buffered USING (endpoint, object_key)
),

ordered AS (
    SELECT
        h.*,
        lag(h.sha256, 1, coalesce(e.sha256, s.sha256))
            OVER (PARTITION BY h.endpoint, h.object_key ORDER BY h.page, h.position) AS sha256_before
    FROM buffered h
    LEFT JOIN earlier e USING (endpoint, object_key)
    LEFT JOIN stored s USING (endpoint, object_key)
)

SELECT * EXCLUDE (sha256_before)
FROM ordered
WHERE object_key IS NULL OR sha256_before IS NULL OR sha256 <> sha256_before
ORDER BY page, position
