-- about: an exact decimal from plain digits (no exponent, no separators); NULL for other text and from 10^12 on.
CREATE OR REPLACE MACRO as_number(t) AS
    CASE WHEN regexp_full_match(t, '-?[0-9]+([.][0-9]+)?') THEN TRY_CAST(t AS DECIMAL(24, 12)) END
