-- about: why rows were not committed, with counts and one example position. For dead letters: the field, then the reason.
-- grain: reason
-- inputs: decided, dead
SELECT reason, count(*) AS n, min(path) AS example
FROM (
    SELECT duplicate AS reason, NULL AS path FROM decided WHERE duplicate IS NOT NULL
    UNION ALL
    SELECT coalesce(nullif(regexp_extract(path, '\]\.([a-z_0-9]+)$', 1), '') || ': ', '') || reason, path FROM dead
)
GROUP BY reason
ORDER BY n DESC, reason
