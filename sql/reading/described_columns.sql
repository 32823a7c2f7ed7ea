-- about: the columns of one table, view or table function, with unit and meaning
-- grain: column
-- inputs: meta.columns
SELECT column_name, replace(type, 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ') AS type, coalesce(unit, '') AS unit, about
FROM meta.columns
WHERE name = $name
ORDER BY place
