-- about: text of the UTC time x * micros microseconds after 1970, truncated to the microsecond. '' for 0, which
--        publishers write for "no time". A text that is not a number, or not a time from 2000 to 9999 in this unit,
--        stays as it is, so that the row's rule can name it: both venues are younger, so an earlier time means a wrong
--        unit.
CREATE OR REPLACE MACRO import_epoch(x, micros) AS
    CASE
        WHEN TRY_CAST(x AS DECIMAL(28, 9)) = 0 THEN ''
        WHEN TRY_CAST(x AS DECIMAL(28, 9)) * CAST(micros AS DECIMAL(10, 3)) BETWEEN 946684800000000 AND 253402300799000000
        THEN CAST(make_timestamptz(CAST(floor(TRY_CAST(x AS DECIMAL(28, 9)) * CAST(micros AS DECIMAL(10, 3))) AS BIGINT)) AS VARCHAR)
        ELSE x
    END
