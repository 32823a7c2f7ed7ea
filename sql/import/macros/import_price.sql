-- about: a price, exact; NULL if the text is not a number. The row's rule checks that it is between 0 and 1.
CREATE OR REPLACE MACRO import_price(x) AS TRY_CAST(x AS DECIMAL(18, 12))
