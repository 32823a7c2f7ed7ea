-- about: the columns of all published tables and views
-- grain: name, column_name
-- inputs: duckdb_columns
SELECT schema_name || '.' || table_name AS name, column_name, data_type
FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name IN ('core', 'mart', 'meta')
ORDER BY name, column_index
