-- about: text of the UTC time that lies x * micros microseconds after 1970; a text that is no number stays as it is,
--        so that the row's rule can name it.
CREATE OR REPLACE MACRO import_epoch(x, micros) AS
    coalesce(
        CASE
            WHEN TRY_CAST(x AS DECIMAL(20, 6)) * CAST(micros AS DECIMAL(7, 0)) BETWEEN 1 AND 253402300799000000
            THEN CAST(make_timestamptz(CAST(TRY_CAST(x AS DECIMAL(20, 6)) * CAST(micros AS DECIMAL(7, 0)) AS BIGINT)) AS VARCHAR)
        END,
        x)
