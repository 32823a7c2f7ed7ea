-- about: the fault of a number of contracts in Kalshi's two encodings; NULL if there is none.
--        The older key has whole contracts, so the two encodings disagree from one contract on.
CREATE OR REPLACE MACRO kalshi_size_fault(name, fixed, whole) AS
    CASE
        WHEN fixed <> '' AND coalesce(as_number(fixed) < 0, true)
            THEN name || '_fp: expected contracts, 0 or more and below 1e12, got ' || left(fixed, 40)
        WHEN whole <> '' AND coalesce(as_number(whole) < 0, true)
            THEN name || ': expected contracts, 0 or more and below 1e12, got ' || left(whole, 40)
        WHEN abs(as_number(fixed) - as_number(whole)) >= 1
            THEN name || '_fp ' || fixed || ' and ' || name || ' ' || whole || ' disagree'
    END
