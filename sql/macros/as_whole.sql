-- about: a whole number as BIGINT, the nearest one that it holds: sums of counts must not stop a table.
CREATE OR REPLACE MACRO as_whole(x) AS
    CAST(least(greatest(CAST(x AS HUGEINT), -9223372036854775807), 9223372036854775807) AS BIGINT)
