-- about: what does size cost: how deep were the books that were recorded, and which way did they lean?
-- grain: instrument, hour
-- inputs: mart.book_depth, core.display_names
-- Means over the time in which a book was live with both sides. buy_1000_usd: beyond what 1,000 contracts are worth at
-- the mid; share: the part of the time in which the stored levels held that many. Books are recorded live, so these
-- answers are not the same on every machine.
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
