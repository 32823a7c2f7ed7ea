-- about: every table and view of a publication, with its rows and its meaning
-- grain: table_name
-- inputs: meta.publication
-- rows is NULL for a view that is computed when it is read.
SELECT
    t.schema_name || '.' || t.name AS table_name,
    p.rows,
    count(c.column_name) AS columns,
    t.comment AS about
FROM (
    SELECT schema_name, table_name AS name, comment FROM duckdb_tables() WHERE database_name = current_database()
    UNION ALL
    SELECT schema_name, view_name, comment FROM duckdb_views() WHERE database_name = current_database()
) AS t
LEFT JOIN meta.publication AS p ON p.table_name = t.schema_name || '.' || t.name
LEFT JOIN duckdb_columns() AS c
    ON c.database_name = current_database() AND c.schema_name = t.schema_name AND c.table_name = t.name
WHERE t.schema_name IN ('core', 'mart', 'meta')
GROUP BY ALL
ORDER BY table_name
