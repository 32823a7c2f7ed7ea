-- about: instruments whose sources say different payouts
-- grain: instrument
-- inputs: core.resolutions
SELECT
    instrument_id,
    count(DISTINCT (payout_0, payout_1)) AS answers,
    list(source || ': ' || payout_0 || ' / ' || payout_1 ORDER BY source) AS said
FROM core.resolutions
WHERE payout_0 IS NOT NULL AND payout_1 IS NOT NULL
GROUP BY instrument_id
HAVING count(DISTINCT (payout_0, payout_1)) > 1
ORDER BY instrument_id
