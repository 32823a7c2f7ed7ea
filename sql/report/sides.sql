-- about: figures of a code in a month by side and by role
-- grain: dimension, part
-- inputs: mart.builder_report
SELECT dimension, part, volume_usd, volume_share, matches, users, fee_usd, builder_fee_usd
FROM mart.builder_report
WHERE range = 'month' AND range_start = $month AND dimension IN ('side', 'role') AND builder_code = lower($code)
ORDER BY dimension DESC, volume_usd DESC NULLS LAST, part
