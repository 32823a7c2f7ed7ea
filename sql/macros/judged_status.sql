-- about: an instrument's status from all its sources. After the end of trading, a final payout settles it even if the
--        listing is not resolved, and a contested payout leaves it open.
CREATE OR REPLACE MACRO judged_status(status, is_settled, is_contested) AS
    CASE
        WHEN status NOT IN ('closed', 'determined', 'settled') THEN status
        WHEN is_contested THEN 'determined'
        WHEN is_settled THEN 'settled'
        ELSE status
    END
