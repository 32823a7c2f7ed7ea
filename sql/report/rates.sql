-- about: rates of a code that were charged in a month, with their days
-- grain: rate
-- inputs: mart.builder_report
SELECT unnest(rate_history) AS rate
FROM mart.builder_report
WHERE range = 'month' AND range_start = $month AND dimension = 'total' AND builder_code = lower($code)
