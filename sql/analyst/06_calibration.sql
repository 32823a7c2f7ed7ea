-- about: how often does an outcome with a price of 30 cents happen?
-- grain: venue, bucket
-- inputs: mart.calibration_curve
-- Prices one day before the outcome was known. low and high: the interval of 95 % of resampled sets of events.
SELECT
    venue,
    bucket_from,
    bucket_to,
    n_instruments,
    n_events,
    round(mean_price, 3) AS mean_price,
    round(mean_outcome, 3) AS mean_outcome,
    round(outcome_low, 3) AS low,
    round(outcome_high, 3) AS high
FROM mart.calibration_curve
WHERE horizon = '1d' AND n_instruments > 0
ORDER BY venue, bucket_from
LIMIT 20
