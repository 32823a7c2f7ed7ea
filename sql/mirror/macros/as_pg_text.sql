-- about: a text without NUL, which Postgres cannot hold: U+FFFD stands where one was
CREATE OR REPLACE TEMP MACRO as_pg_text(t) AS replace(t, chr(0), chr(65533))
