-- about: payouts of instruments per venue and source, with unresolved and disputed ones
-- grain: venue, source, status
-- inputs: core.resolutions
SELECT
    venue,
    source,
    status,
    count(*) AS instruments,
    count(*) FILTER (WHERE payout_0 = 1) AS paid_outcome_0,
    count(*) FILTER (WHERE payout_1 = 1) AS paid_outcome_1,
    count(*) FILTER (WHERE was_disputed) AS disputed
FROM core.resolutions
GROUP BY ALL
ORDER BY venue, source, status
