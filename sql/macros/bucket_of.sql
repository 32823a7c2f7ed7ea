-- about: storage bucket 0..15 of an id. md5, because DuckDB's hash() may change between versions.
CREATE OR REPLACE MACRO bucket_of(id) AS CAST(('0x' || substr(md5(id), 1, 1)) AS INTEGER)
