-- about: the taker fee of one fill in dollars at a given time, as the venue rounds it; 0 while fees are waived; NULL if
--        rate or exponent are unknown, or if it does not fit. fee_rate and fee_schedule: of core.instrument_history at
--        that time.
CREATE OR REPLACE MACRO taker_fee(venue, contracts, price, fee_rate, fee_schedule, t) AS
    CASE
        WHEN fee_rate = 0 OR t < TRY_CAST(fee_schedule ->> '$.waived_until' AS TIMESTAMPTZ) THEN CAST(0 AS DECIMAL(18, 6))
        ELSE fits(rounded_fee(venue, unrounded_fee(contracts, price, fee_rate, fee_exponent(venue, fee_schedule))))
    END
