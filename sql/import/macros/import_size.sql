-- about: a size or an amount of money, exact; NULL if the text is not a number.
CREATE OR REPLACE MACRO import_size(x) AS TRY_CAST(x AS DECIMAL(18, 6))
