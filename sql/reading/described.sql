-- about: the description of one name
-- grain: one row
-- inputs: meta.catalog
SELECT kind, about, grain, key, arguments, rows, is_complete, incomplete_reason, example
FROM meta.catalog
WHERE name = $name
