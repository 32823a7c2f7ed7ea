-- about: true for a text that is not a number or is negative.
CREATE OR REPLACE MACRO import_negative(x) AS x IS NOT NULL AND NOT coalesce(import_size(x) >= 0, false)
