-- about: a size or an amount as its column holds it; NULL from 10^12 on, which no column holds: never a wrong figure.
CREATE OR REPLACE MACRO fits(x) AS TRY_CAST(x AS DECIMAL(18, 6))
