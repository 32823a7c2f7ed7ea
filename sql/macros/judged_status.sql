-- about: an instrument's status once all sources have been heard. Where trading is over, a final payout settles it
--        although the listing lacks a word of resolution, and a contested one leaves it open.
CREATE OR REPLACE MACRO judged_status(status, is_settled, is_contested) AS
    CASE
        WHEN status NOT IN ('closed', 'determined', 'settled') THEN status
        WHEN is_contested THEN 'determined'
        WHEN is_settled THEN 'settled'
        ELSE status
    END
