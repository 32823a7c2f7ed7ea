-- about: volume of each category over all days
-- grain: category
-- inputs: mart.category_volume
SELECT category, sum(contracts) AS contracts, sum(trades) AS trades, bool_and(is_complete) AS is_complete
FROM mart.category_volume
GROUP BY category
ORDER BY contracts DESC NULLS LAST
