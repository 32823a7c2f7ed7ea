-- about: millionths as an exact decimal of six digits; NULL from 10^12 on, which fits no column (sums of a broken book).
CREATE OR REPLACE MACRO of_millionths(x) AS
    CASE
        WHEN x BETWEEN -999999999999999999 AND 999999999999999999
            THEN CAST(CAST(x AS DECIMAL(18, 0)) * 0.000001 AS DECIMAL(18, 6))
    END
