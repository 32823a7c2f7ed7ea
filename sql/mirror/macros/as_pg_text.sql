-- about: a text without NUL, which Postgres cannot store: each NUL becomes U+FFFD
CREATE OR REPLACE TEMP MACRO as_pg_text(t) AS replace(t, chr(0), chr(65533))
