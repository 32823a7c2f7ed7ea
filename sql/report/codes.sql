-- about: codes with figures of a month, all codes together last
-- grain: builder code
-- inputs: mart.builder_report
SELECT builder_code
FROM mart.builder_report
WHERE range = 'month' AND range_start = $month AND dimension = 'total' AND ($code IS NULL OR builder_code = lower($code))
ORDER BY builder_code = 'all_codes', volume_usd DESC NULLS LAST, builder_code
