-- about: figures of a code in a month by category
-- grain: category
-- inputs: mart.builder_report
SELECT part AS category, volume_usd, volume_share, volume_growth, matches, users, new_users, fee_usd, builder_fee_usd
FROM mart.builder_report
WHERE range = 'month' AND range_start = $month AND dimension = 'category' AND builder_code = lower($code)
ORDER BY volume_usd DESC NULLS LAST, part
