-- about: what there is
-- grain: name
-- inputs: meta.catalog
SELECT name, kind, rows, is_complete, about
FROM meta.catalog
ORDER BY name
