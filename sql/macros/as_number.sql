-- about: an exact decimal in any spelling that venues use: 0.48, .48, 1., 1.50, 4.8e-1 (JSON numbers may have exponents);
--        NULL for other text (separators, blanks, a plus) and from 10^12 on.
CREATE OR REPLACE MACRO as_number(t) AS
    CASE WHEN regexp_full_match(t, '-?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?') THEN TRY_CAST(t AS DECIMAL(24, 12)) END
