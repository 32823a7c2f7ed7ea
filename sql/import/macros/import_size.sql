-- about: a size or an amount of money, exact; NULL where the text is no number.
CREATE OR REPLACE MACRO import_size(x) AS TRY_CAST(x AS DECIMAL(18, 6))
