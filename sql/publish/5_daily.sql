-- about: one price and one volume per instrument and UTC day, with the source of each, and the final payout as it is now
-- creates: mart.daily
-- grain: instrument, date
-- inputs: lake:mart.daily, lake:core.resolutions
-- column payout_0: final payout per share of outcome 0, as it is now; NULL before the resolution is final, or if sources disagree
-- column payout_1: final payout per share of outcome 1
-- column resolved_at: when the payout became final
-- The payout is joined here: it becomes known long after the day, and would make all days of the instrument stale.
WITH paid AS (
    SELECT
        instrument_id,
        CASE WHEN NOT is_contested(source, status, payout_0, observed_at)
            THEN min(payout_0) FILTER (status = 'settled') END AS payout_0,
        CASE WHEN NOT is_contested(source, status, payout_0, observed_at)
            THEN min(payout_1) FILTER (status = 'settled') END AS payout_1,
        min(resolved_at) FILTER (status = 'settled') AS resolved_at
    FROM lake_resolutions
    GROUP BY instrument_id
)

SELECT
    d.*,
    p.payout_0,
    p.payout_1,
    CASE WHEN p.payout_0 IS NOT NULL THEN p.resolved_at END AS resolved_at
FROM lake_daily d
LEFT JOIN paid p USING (instrument_id)
