-- about: the published names that are views in DuckDB
-- grain: name
-- inputs: duckdb_views
SELECT schema_name || '.' || view_name AS name
FROM duckdb_views()
WHERE database_name = current_database() AND schema_name IN ('core', 'mart')
