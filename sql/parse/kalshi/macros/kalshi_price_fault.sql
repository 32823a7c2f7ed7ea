-- about: the fault of a price in Kalshi's two encodings; NULL if there is none.
--        Cents are whole numbers: a price with a part of a cent is rounded to the cent below or above, so the two
--        encodings disagree from one cent on.
CREATE OR REPLACE MACRO kalshi_price_fault(name, dollars, cents) AS
    CASE
        WHEN dollars <> '' AND coalesce(as_number(dollars) NOT BETWEEN 0 AND 1, true)
            THEN name || '_dollars: expected dollars in 0..1, got ' || left(dollars, 40)
        WHEN cents <> '' AND coalesce(NOT regexp_full_match(cents, '[0-9]+([.]0*)?') OR as_number(cents) > 100, true)
            THEN name || ': expected whole cents in 0..100, got ' || left(cents, 40)
        WHEN abs(as_number(dollars) - as_number(cents) * CAST(0.01 AS DECIMAL(3, 2))) >= CAST(0.01 AS DECIMAL(3, 2))
            THEN name || '_dollars ' || dollars || ' and ' || name || ' ' || cents || ' (cents) disagree'
    END
