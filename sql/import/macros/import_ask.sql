-- about: an ask as the venues' own parsers read it: 0 and 1 mean none. x is a text in dollars.
CREATE OR REPLACE MACRO import_ask(x) AS
    CASE WHEN TRY_CAST(import_price(x) AS DECIMAL(9, 6)) > 0 AND TRY_CAST(import_price(x) AS DECIMAL(9, 6)) < 1
    THEN TRY_CAST(import_price(x) AS DECIMAL(9, 6)) END
