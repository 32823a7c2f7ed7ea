-- about: a bid as the venue's own parser keeps it: 0 is none; 1 is none where outcomes are no tokens. x is a text in dollars.
CREATE OR REPLACE MACRO import_bid(venue, x) AS
    CASE WHEN TRY_CAST(import_price(x) AS DECIMAL(9, 6)) > 0
        AND TRY_CAST(import_price(x) AS DECIMAL(9, 6)) < CASE WHEN venue_has_tokens(venue) THEN 1.000001 ELSE 1 END
    THEN TRY_CAST(import_price(x) AS DECIMAL(9, 6)) END
