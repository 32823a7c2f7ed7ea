-- about: what moved most within a week?
-- grain: instrument
-- inputs: mart.market_overview
-- Both ends of a change come from one price source, without a price of that source seven days ago there is no change.
SELECT display_name, venue, price_source, latest_price - change_7d AS week_ago, latest_price, change_7d
FROM mart.market_overview
WHERE change_7d IS NOT NULL AND status = 'active'
ORDER BY abs(change_7d) DESC, instrument_id
LIMIT 10
