-- about: UTC time from a text of integer seconds since 1970; NULL if it is not an integer or not after 1970.
CREATE OR REPLACE MACRO as_epoch(s) AS
    CASE WHEN TRY_CAST(s AS BIGINT) BETWEEN 1 AND 253402300799 THEN make_timestamptz(TRY_CAST(s AS BIGINT) * 1000000) END
