-- about: what do people trade: which categories, on which venue?
-- grain: category
-- inputs: mart.category_volume
-- The categories of both venues are mapped to one taxonomy.
SELECT
    category,
    sum(contracts) FILTER (WHERE venue = 'kalshi') AS kalshi_contracts,
    sum(contracts) FILTER (WHERE venue = 'polymarket') AS polymarket_contracts,
    sum(taker_notional_usd) AS taker_notional_usd,
    sum(trades) AS trades,
    bool_and(is_complete) AS is_complete
FROM mart.category_volume
GROUP BY category
ORDER BY taker_notional_usd DESC
LIMIT 10
