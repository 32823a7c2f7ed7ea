-- about: contracts per venue and day
-- grain: venue, day
-- inputs: mart.trade_volume
SELECT date, venue, sum(contracts) AS contracts, sum(taker_notional_usd) AS notional_usd
FROM mart.trade_volume
GROUP BY ALL
ORDER BY date DESC, venue
LIMIT 14
