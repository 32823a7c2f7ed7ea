-- about: instruments whose sources contradict each other: two payouts, or a payout and a proposal
-- grain: instrument
-- inputs: core.resolutions
SELECT
    instrument_id,
    count(DISTINCT (payout_0, payout_1)) FILTER (WHERE payout_0 IS NOT NULL AND payout_1 IS NOT NULL) AS answers,
    list(concat_ws(' ', source || ': ' || status, payout_0 || ' / ' || payout_1) ORDER BY source) AS said
FROM core.resolutions
GROUP BY instrument_id
HAVING answers > 1 OR internal.is_contested(source, status, payout_0, observed_at)
ORDER BY instrument_id
