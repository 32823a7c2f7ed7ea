-- about: a price, exact; NULL where the text is no number. Whether it lies in 0..1 is the row's rule.
CREATE OR REPLACE MACRO import_price(x) AS TRY_CAST(x AS DECIMAL(18, 12))
