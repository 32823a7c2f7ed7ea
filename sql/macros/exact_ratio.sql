-- about: numerator / denominator of whole numbers, in 10^-12, rounded half up; NULL for a zero denominator.
--        DuckDB divides decimals as doubles; prices must not go through floats.
CREATE OR REPLACE MACRO exact_ratio(numerator, denominator) AS
    CASE WHEN denominator > 0 THEN CAST(
        CAST((2 * numerator + denominator) // (2 * nullif(denominator, 0)) AS DECIMAL(24, 0)) * CAST(0.000000000001 AS DECIMAL(12, 12))
        AS DECIMAL(18, 12)
    ) END
