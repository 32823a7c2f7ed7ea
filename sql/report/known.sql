-- about: months and codes that have figures, the latest month first
-- grain: one row
-- inputs: mart.builder_report
SELECT
    list_reverse_sort(list(DISTINCT strftime(range_start, '%Y-%m'))) AS months,
    list_sort(list(DISTINCT builder_code) FILTER (builder_code <> 'all_codes')) AS codes
FROM mart.builder_report
WHERE range = 'month' AND dimension = 'total'
