-- about: why rows were not committed, with counts. For dead letters: the field, then the reason.
-- grain: reason
-- inputs: decided, dead
SELECT reason, count(*) AS n
FROM (
    SELECT duplicate AS reason FROM decided WHERE duplicate IS NOT NULL
    UNION ALL
    SELECT coalesce(nullif(regexp_extract(path, '\]\.([a-z_0-9]+)$', 1), '') || ': ', '') || reason FROM dead
)
GROUP BY reason
ORDER BY n DESC, reason
