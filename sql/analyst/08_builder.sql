-- about: what did our builder code earn, day by day?
-- grain: builder code, day
-- inputs: mart.builder_volume, mart.builder_revenue
-- Volume is counted once per match, fees once per leg: they come from two marts that are joined by range. all_codes is
-- every configured code; a match with two of them counts once.
SELECT v.range_start, v.volume_usd, v.matches, v.users, v.new_users, r.fee_usd, r.fee_source, r.builder_fee_usd, v.is_complete
FROM mart.builder_volume v
LEFT JOIN mart.builder_revenue r USING (builder_scope, venue, builder_code, range, range_start)
WHERE v.range = 'day' AND v.builder_code = 'all_codes'
ORDER BY v.range_start DESC
LIMIT 10
