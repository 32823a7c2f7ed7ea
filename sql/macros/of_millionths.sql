-- about: millionths as an exact decimal of six digits.
CREATE OR REPLACE MACRO of_millionths(x) AS CAST(CAST(x AS DECIMAL(18, 0)) * 0.000001 AS DECIMAL(18, 6))
