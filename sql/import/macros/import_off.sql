-- about: true for a text that is not a number from 0 to 1.
CREATE OR REPLACE MACRO import_off(x) AS x IS NOT NULL AND NOT coalesce(import_price(x) BETWEEN 0 AND 1, false)
