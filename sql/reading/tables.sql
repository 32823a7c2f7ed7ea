-- about: every table, view and function of a publication, with its rows, whether it is complete, and its meaning
-- grain: name
-- inputs: meta.catalog
SELECT name, kind, rows, is_complete, incomplete_reason, grain, about
FROM meta.catalog
ORDER BY name
