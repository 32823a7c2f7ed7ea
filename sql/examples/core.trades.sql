-- about: the largest trades
-- grain: trade
-- inputs: core.trades, core.display_names
SELECT t.event_at, n.display_name, t.price_0, t.size, t.taker_notional_usd
FROM core.trades t
LEFT JOIN core.display_names n USING (instrument_id)
ORDER BY t.taker_notional_usd DESC, t.event_at
LIMIT 10
