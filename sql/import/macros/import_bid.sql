-- about: a bid as the venue's own parser reads it: 0 means none; 1 means none if outcomes have no tokens. x is a text in dollars.
CREATE OR REPLACE MACRO import_bid(venue, x) AS
    CASE WHEN TRY_CAST(import_price(x) AS DECIMAL(9, 6)) > 0
        AND TRY_CAST(import_price(x) AS DECIMAL(9, 6)) < CASE WHEN venue_has_tokens(venue) THEN 1.000001 ELSE 1 END
    THEN TRY_CAST(import_price(x) AS DECIMAL(9, 6)) END
