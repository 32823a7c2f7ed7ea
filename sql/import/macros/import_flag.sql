-- about: a boolean from the texts that files use for it; NULL for other text.
CREATE OR REPLACE MACRO import_flag(x) AS
    CASE WHEN lower(x) IN ('1', 'true', 't', 'yes') THEN true WHEN lower(x) IN ('0', 'false', 'f', 'no') THEN false END
