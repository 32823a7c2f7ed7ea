-- about: dollars from Kalshi's two encodings: key "x_dollars" (dollars), else key "x" (whole cents, until March 2026).
CREATE OR REPLACE MACRO kalshi_price(dollars, cents) AS
    coalesce(as_number(dollars), as_number(cents) * CAST(0.01 AS DECIMAL(3, 2)))
