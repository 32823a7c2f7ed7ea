-- about: columns with a unit, of one table
-- grain: column
-- inputs: meta.columns
SELECT column_name, type, unit, about
FROM meta.columns
WHERE name = 'core.trades'
ORDER BY place
