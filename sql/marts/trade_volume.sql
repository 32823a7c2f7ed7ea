-- about: volume, taker flow and largest prints per instrument and UTC day
-- creates: mart.trade_volume
-- grain: instrument, date
-- partition: date
-- inputs: core.trades, core.daily_prices
-- Prints imported without an id are counted only where no print with one is held: never both. The day is complete
-- where core.daily_prices says so of the same trades. Traders are counted by 64-bit hash: a hundred thousand of one
-- instrument and day collide once in four thousand million such days, at half the cost; a list of them costs half of
-- what count(DISTINCT) does. A total that fits no column is NULL, its day is not complete.
WITH complete AS (
    SELECT instrument_id, date, is_complete, unread_rows, incomplete_reason
    FROM core.daily_prices
    WHERE price_source = 'trades' AND date >= $from AND date < $to
),

volumes AS (
    SELECT
        venue,
        date,
        instrument_id,
        fits(sum(size)) AS contracts,
        fits(sum(taker_notional_usd)) AS taker_notional_usd,
        count(*) AS trades,
        length(list_distinct(list(hash(trader)) FILTER (WHERE trader IS NOT NULL))) AS traders,
        fits(coalesce(sum(size) FILTER (WHERE taker_direction = 1), 0)) AS bought_0,
        fits(coalesce(sum(size) FILTER (WHERE taker_direction = -1), 0)) AS sold_0,
        max(size) AS largest_size,
        max(taker_notional_usd) AS largest_notional_usd,
        arg_min(trade_id, (-taker_notional_usd, event_at, trade_id)) AS largest_trade_id,
        fits(coalesce(sum(size) FILTER (WHERE is_block_trade), 0)) AS block_contracts,
        identity
    FROM core.trades
    WHERE date >= $from AND date < $to
    GROUP BY venue, date, instrument_id, identity
    QUALIFY identity = 'strong' OR NOT bool_or(identity = 'strong') OVER (PARTITION BY instrument_id, date)
)

SELECT
    v.*,
    v.contracts::DOUBLE / nullif(v.trades, 0) AS average_size,
    (v.bought_0 - v.sold_0)::DOUBLE / nullif(v.bought_0::DECIMAL(19, 6) + v.sold_0, 0)::DOUBLE AS taker_imbalance,
    coalesce(c.is_complete, false)
    AND v.identity = 'strong'
    AND v.contracts IS NOT NULL
    AND v.taker_notional_usd IS NOT NULL AS is_complete,
    c.unread_rows,
    CASE
        WHEN v.identity <> 'strong' THEN 'only prints without an id are held'
        WHEN NOT coalesce(c.is_complete, false) THEN coalesce(c.incomplete_reason, 'core.daily_prices has no row of the day')
        WHEN v.contracts IS NULL OR v.taker_notional_usd IS NULL THEN too_large_reason()
    END AS incomplete_reason
FROM volumes v
LEFT JOIN complete c USING (instrument_id, date)
