-- about: units that read pages with rows of [$from, $to), the first one first
-- grain: unit
-- inputs: pages
SELECT DISTINCT unit_id
FROM pages
WHERE coalesce(high_at, to_at) >= $from AND coalesce(low_at, from_at) < $to
ORDER BY unit_id
