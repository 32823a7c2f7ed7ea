-- about: contracts x rate x (price x (1 - price)) ^ exponent in dollars, before rounding; NULL for an exponent other than
--        1 and 2, or if it does not fit. The price product is rounded to 12 decimals, so that a size of 12 digits and a
--        rate of 8 decimals still fit 38 digits.
CREATE OR REPLACE MACRO unrounded_fee(contracts, price, fee_rate, exponent) AS
    CAST(TRY_CAST(CAST(contracts AS DECIMAL(19, 6)) * CAST(fee_rate AS DECIMAL(19, 8)) AS DECIMAL(25, 12)) * CASE exponent
        WHEN 1 THEN CAST(CAST(price AS DECIMAL(19, 12)) * CAST(1 - price AS DECIMAL(19, 12)) AS DECIMAL(13, 12))
        WHEN 2 THEN CAST(
            CAST(CAST(price AS DECIMAL(19, 12)) * CAST(1 - price AS DECIMAL(19, 12)) AS DECIMAL(19, 12))
            * CAST(CAST(price AS DECIMAL(19, 12)) * CAST(1 - price AS DECIMAL(19, 12)) AS DECIMAL(19, 12))
            AS DECIMAL(13, 12)
        )
    END AS DECIMAL(38, 24))
