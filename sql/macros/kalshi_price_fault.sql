-- about: what is wrong with a price in Kalshi's two encodings; NULL where nothing is.
--        Cents are whole: of a price with parts of a cent they tell the cent below or above, so the two
--        disagree from one cent on.
CREATE OR REPLACE MACRO kalshi_price_fault(name, dollars, cents) AS
    CASE
        WHEN dollars <> '' AND coalesce(as_number(dollars) NOT BETWEEN 0 AND 1, true)
            THEN name || '_dollars: expected dollars in 0..1, got ' || left(dollars, 40)
        WHEN cents <> '' AND coalesce(NOT regexp_full_match(cents, '[0-9]+([.]0*)?') OR as_number(cents) > 100, true)
            THEN name || ': expected whole cents in 0..100, got ' || left(cents, 40)
        WHEN abs(as_number(dollars) - as_number(cents) * CAST(0.01 AS DECIMAL(3, 2))) >= CAST(0.01 AS DECIMAL(3, 2))
            THEN name || '_dollars ' || dollars || ' and ' || name || ' ' || cents || ' (cents) disagree'
    END
