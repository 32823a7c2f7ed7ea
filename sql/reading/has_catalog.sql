-- about: a row if the publication has a catalog; files of older versions have none
-- grain: one row
-- inputs: duckdb_tables
SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'meta' AND table_name = 'catalog'
