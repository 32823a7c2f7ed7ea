-- about: every table, view and function of a publication, with its rows and whether it is complete
-- grain: name
-- inputs: meta.catalog
SELECT
    name,
    kind,
    rows,
    CASE WHEN is_complete THEN 'yes' WHEN NOT is_complete THEN 'no' END AS complete,
    about
FROM meta.catalog
ORDER BY name
