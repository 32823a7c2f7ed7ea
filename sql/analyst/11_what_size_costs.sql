-- about: what does size cost: how deep were the recorded books, and how large was their imbalance?
-- grain: instrument, hour
-- inputs: mart.book_depth, core.display_names
-- Means over the time in which a book was live with both sides. buy_1000_usd: the cost above the value of 1,000
-- contracts at the mid; share: the share of the time in which the stored levels had that size.
SELECT
    n.display_name,
    d.venue,
    round(d.two_sided_seconds, 1) AS seconds,
    round(d.bid_depth_5c) AS bid_depth_5c,
    round(d.ask_depth_5c) AS ask_depth_5c,
    round(d.imbalance, 2) AS imbalance,
    round(d.buy_1000_usd, 2) AS buy_1000_usd,
    round(d.sell_1000_usd, 2) AS sell_1000_usd,
    round(d.buy_1000_share, 2) AS buy_share
FROM mart.book_depth d
JOIN core.display_names n USING (instrument_id)
ORDER BY d.bid_depth_5c + d.ask_depth_5c DESC NULLS LAST, d.instrument_id, d.date, d.hour
LIMIT 10
