-- about: contracts from Kalshi's two encodings: key "x_fp", else key "x" (whole contracts, until March 2026).
CREATE OR REPLACE MACRO kalshi_size(fixed, whole) AS coalesce(as_number(fixed), as_number(whole))
