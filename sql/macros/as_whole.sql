-- about: a whole number as BIGINT, limited to the range of BIGINT: a sum of counts must not make a table fail; NULL stays NULL
CREATE OR REPLACE MACRO as_whole(x) AS
    CASE
        WHEN x IS NOT NULL
            THEN CAST(least(greatest(CAST(x AS HUGEINT), -9223372036854775807), 9223372036854775807) AS BIGINT)
    END
