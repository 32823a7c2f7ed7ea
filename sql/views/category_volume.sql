-- about: traded volume per venue, category and UTC day, by the categories as they are now
-- creates: mart.category_volume
-- grain: venue, category, date
-- inputs: mart.trade_volume, core.ticker_categories
-- An instrument has one category, so nothing is counted twice; prints of instruments that are not held are Other.
SELECT
    v.venue,
    coalesce(c.category, 'Other') AS category,
    v.date,
    sum(v.contracts) AS contracts,
    sum(v.taker_notional_usd) AS taker_notional_usd,
    sum(v.trades)::BIGINT AS trades,
    count(*) AS instruments,
    bool_and(v.is_complete) AS is_complete
FROM mart.trade_volume v
LEFT JOIN core.ticker_categories c USING (instrument_id)
GROUP BY ALL
ORDER BY v.venue, category, v.date
