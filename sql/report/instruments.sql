-- about: instruments of a code in a month, the largest volume first
-- grain: instrument
-- inputs: mart.builder_report, core.display_names
SELECT
    coalesce(n.display_name, r.part) AS market,
    r.volume_usd,
    r.volume_share,
    r.matches,
    r.users,
    r.fee_usd,
    r.builder_fee_usd,
    r.part AS instrument_id
FROM mart.builder_report r
LEFT JOIN core.display_names n ON n.instrument_id = r.part
WHERE r.range = 'month' AND r.range_start = $month AND r.dimension = 'instrument' AND r.builder_code = lower($code)
ORDER BY r.volume_usd DESC NULLS LAST, r.part
