-- about: on which side did takers trade yesterday, and where was the imbalance largest?
-- grain: instrument
-- inputs: mart.trade_volume, core.display_names
-- bought_0 counts contracts whose taker bought outcome 0 or sold outcome 1: both outcomes on one axis.
SELECT n.display_name, v.venue, v.trades, v.bought_0, v.sold_0, round(v.taker_imbalance, 3) AS taker_imbalance
FROM mart.trade_volume v
JOIN core.display_names n USING (instrument_id)
WHERE v.date = (SELECT max(date) FROM mart.trade_volume WHERE is_complete) AND v.is_complete AND v.trades >= 5
ORDER BY abs(v.taker_imbalance) DESC, v.contracts DESC, v.instrument_id
LIMIT 10
