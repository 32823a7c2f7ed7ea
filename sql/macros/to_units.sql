-- about: a decimal as a whole number of 10^-places, exact; HUGEINT has 38 digits, so price x size never wraps
--        (31 million shares at 0.999 in 10^-18 dollars need 26).
CREATE OR REPLACE MACRO to_units(x, places) AS
    CAST(CAST(x AS DECIMAL(25, 12)) * CAST(CASE places WHEN 12 THEN 1000000000000 ELSE 1000000 END AS DECIMAL(13, 0)) AS HUGEINT)
