-- about: the names of a publication
-- grain: name
-- inputs: meta.catalog
SELECT name FROM meta.catalog ORDER BY name
