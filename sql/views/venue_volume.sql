-- about: traded volume per venue and UTC day
-- creates: mart.venue_volume
-- grain: venue, date
-- inputs: mart.trade_volume
SELECT
    venue,
    date,
    sum(contracts) AS contracts,
    sum(taker_notional_usd) AS taker_notional_usd,
    sum(trades)::BIGINT AS trades,
    count(*) AS instruments,
    bool_and(is_complete) AS is_complete
FROM mart.trade_volume
GROUP BY venue, date
ORDER BY venue, date
