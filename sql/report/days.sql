-- about: figures of a code in the days of a month
-- grain: range_start
-- inputs: mart.builder_report
SELECT
    range_start AS day,
    volume_usd,
    volume_growth,
    matches,
    users,
    new_users,
    returning_users,
    retention,
    fee_usd,
    builder_fee_usd,
    is_complete
FROM mart.builder_report
WHERE
    range = 'day'
    AND dimension = 'total'
    AND builder_code = lower($code)
    AND range_start < CAST($month AS DATE) + INTERVAL 1 MONTH
    AND range_start >= CAST($month AS DATE)
ORDER BY range_start
