-- about: volume of each venue, and whether it is complete
-- grain: venue, day
-- inputs: mart.venue_volume
SELECT date, venue, contracts, taker_notional_usd, is_complete, incomplete_reason
FROM mart.venue_volume
ORDER BY date DESC, venue
LIMIT 14
