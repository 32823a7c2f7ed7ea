-- about: the ten instruments with the most contracts in the trades that were read
-- grain: instrument
-- inputs: core.trades, core.instruments
SELECT
    t.venue,
    coalesce(i.title, t.instrument_id) AS instrument,
    i.status,
    count(*) AS trades,
    sum(t.size) AS contracts,
    sum(t.taker_notional_usd) AS taker_notional_usd
FROM core.trades AS t
LEFT JOIN core.instruments AS i USING (instrument_id)
WHERE t.identity = 'strong'
GROUP BY ALL
ORDER BY contracts DESC, instrument
LIMIT 10
