-- about: text of a price in dollars from a text in cents; a text that is not a number stays as it is.
CREATE OR REPLACE MACRO import_cents(x) AS coalesce(CAST(TRY_CAST(x AS DECIMAL(18, 10)) * 0.01 AS VARCHAR), x)
