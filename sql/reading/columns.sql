-- about: the columns of one table, with type and meaning
-- grain: column_name
-- inputs: meta.publication
SELECT column_name, data_type, comment AS about
FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name || '.' || table_name = $table_name
ORDER BY column_index
