-- about: results of the file's rows per venue, and the time span of the committed ones.
-- grain: venue
-- inputs: decided, dead
SELECT
    venue,
    count(*) FILTER (kind = 'good' AND duplicate IS NULL) AS committed,
    count(*) FILTER (kind = 'good' AND duplicate IS NULL AND is_new) AS new,
    count(*) FILTER (kind = 'good' AND duplicate IS NOT NULL) AS duplicates,
    count(*) FILTER (kind = 'dead') AS dead,
    min(moment) FILTER (duplicate IS NULL) AS from_at,
    max(moment) FILTER (duplicate IS NULL) AS to_at
FROM (
    SELECT 'good' AS kind, venue, duplicate, is_new, moment FROM decided
    UNION ALL
    SELECT 'dead', venue, NULL, NULL, NULL FROM dead
)
GROUP BY venue
ORDER BY venue
