-- about: figures of a code in a month
-- grain: one row
-- inputs: mart.builder_report
SELECT
    volume_usd,
    volume_growth,
    contracts,
    matches,
    users,
    new_users,
    returning_users,
    retention,
    fee_usd,
    builder_fee_usd,
    arpu_usd,
    taker_rate_bps,
    maker_rate_bps,
    open_volume_usd,
    is_final,
    final_at,
    is_complete,
    incomplete_reason
FROM mart.builder_report
WHERE range = 'month' AND range_start = $month AND dimension = 'total' AND builder_code = lower($code)
