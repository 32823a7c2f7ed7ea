-- about: when the publication was made, and from which versions
-- grain: table
-- inputs: meta.publication
SELECT table_name, version, rows, built_at, is_stale
FROM meta.publication
ORDER BY table_name
