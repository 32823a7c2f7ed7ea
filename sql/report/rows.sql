-- about: all rows of a month of the builder report: the month, its days, and the weeks that overlap it
-- grain: builder code, range, range_start, dimension, part
-- inputs: mart.builder_report
SELECT *
FROM mart.builder_report
WHERE
    ($code IS NULL OR builder_code = lower($code))
    AND range_start < CAST($month AS DATE) + INTERVAL 1 MONTH
    AND range_start + CASE range WHEN 'week' THEN 6 ELSE 0 END >= CAST($month AS DATE)
ORDER BY builder_code = 'all_codes', builder_code, range = 'day', range = 'week', range_start, dimension <> 'total', dimension, part
