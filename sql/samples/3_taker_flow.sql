-- about: taker flow: contracts of outcome 0 bought and sold by takers, per venue and UTC day
-- grain: venue, date
-- inputs: core.trades
SELECT
    venue,
    date,
    sum(size) FILTER (WHERE taker_direction = 1) AS contracts_up,
    sum(size) FILTER (WHERE taker_direction = -1) AS contracts_down,
    count(*) FILTER (WHERE taker_direction IS NULL) AS trades_without_direction
FROM core.trades
WHERE NOT is_block_trade
GROUP BY ALL
ORDER BY date DESC, venue
LIMIT 10
