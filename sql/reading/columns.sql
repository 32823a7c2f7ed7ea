-- about: the columns of one table, view or table function, with type, unit and meaning
-- grain: column_name
-- inputs: meta.columns
SELECT column_name, type, unit, about
FROM meta.columns
WHERE name = $name
ORDER BY place
