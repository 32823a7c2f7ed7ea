-- about: as_number() for numbers below 10^6, in 64 bits; NULL for all others.
CREATE OR REPLACE MACRO as_small_number(t) AS
    CASE WHEN regexp_full_match(t, '-?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?') THEN TRY_CAST(t AS DECIMAL(18, 12)) END
