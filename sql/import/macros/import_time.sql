-- about: a time from an imported text. A text without an offset is a time in the zone of the variable import_zone. NULL
--        for '', the zero time and text that is not a time after 1970 (publishers write the year 24).
--        Epochs go through import_epoch.
CREATE OR REPLACE MACRO import_time(t) AS
    CASE
        WHEN t IS NULL OR t = '' OR t < '1970' OR t > '9999' THEN NULL
        WHEN length(t) > 10 AND regexp_matches(t, '([zZ]|[+-]\d\d(:?\d\d)?(:\d\d)?)$') THEN TRY_CAST(t AS TIMESTAMPTZ)
        ELSE TRY_CAST(t AS TIMESTAMP) AT TIME ZONE CAST(getvariable('import_zone') AS VARCHAR)
    END
