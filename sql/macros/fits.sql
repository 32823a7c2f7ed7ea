-- about: a size or an amount that fits its column; NULL from 10^12 on, which fits no column: never a wrong figure.
CREATE OR REPLACE MACRO fits(x) AS TRY_CAST(x AS DECIMAL(18, 6))
