-- about: how often outcomes at each price happened, an hour before
-- grain: venue, bucket
-- inputs: mart.calibration_curve
SELECT venue, bucket_from, bucket_to, n_instruments, round(mean_price, 3) AS price, round(mean_outcome, 3) AS happened
FROM mart.calibration_curve
WHERE horizon = '1h' AND n_instruments > 0
ORDER BY venue, bucket_from
