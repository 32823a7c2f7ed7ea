-- about: volume, taker flow and largest prints per instrument and UTC day
-- creates: mart.trade_volume
-- grain: instrument, date
-- partition: date
-- inputs: core.trades, core.daily_prices
-- lookups: core.unread_rows
-- Prints imported without an id count only if there is no print with an id: never both. The day is complete if
-- core.daily_prices is complete for the same trades and no row is unread now (sql/stale/trade_volume.sql). Traders are
-- counted by 64-bit hash: a hundred thousand of one instrument and day collide once in four thousand million such days,
-- at half the cost; a list of hashes costs half as much as count(DISTINCT). A total that fits no column is NULL, and
-- its day is not complete.
WITH complete AS (
    SELECT instrument_id, date, is_complete, incomplete_reason
    FROM core.daily_prices
    WHERE price_source = 'trades' AND date >= $from AND date < $to
),

-- instrument_id NULL: rows that may belong to any instrument of the venue.
unread AS (
    SELECT venue, instrument_id, date, as_whole(sum(unread_rows)) AS unread_rows
    FROM core.unread_rows
    WHERE table_name = 'core.trades' AND date >= $from AND date < $to
    GROUP BY venue, instrument_id, date
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
),

judged AS (
    SELECT
        v.*,
        coalesce(c.is_complete, false) AS is_read,
        coalesce(c.incomplete_reason, 'core.daily_prices has no row of the day') AS why_not_read,
        coalesce(own.unread_rows, 0) + coalesce(anyone.unread_rows, 0) AS unread_rows
    FROM volumes v
    LEFT JOIN complete c USING (instrument_id, date)
    LEFT JOIN unread own USING (venue, instrument_id, date)
    LEFT JOIN unread anyone ON v.venue = anyone.venue AND v.date = anyone.date AND anyone.instrument_id IS NULL
)

SELECT
    * EXCLUDE (is_read, why_not_read),
    v.contracts::DOUBLE / nullif(v.trades, 0) AS average_size,
    (bought_0 - sold_0)::DOUBLE / nullif(bought_0::DECIMAL(19, 6) + sold_0, 0)::DOUBLE AS taker_imbalance,
    is_read
    AND unread_rows = 0
    AND identity = 'strong'
    AND contracts IS NOT NULL
    AND taker_notional_usd IS NOT NULL AS is_complete,
    CASE
        WHEN identity <> 'strong' THEN 'only prints without an id are held'
        WHEN unread_rows > 0 THEN unread_reason(unread_rows)
        WHEN NOT is_read THEN why_not_read
        WHEN contracts IS NULL OR taker_notional_usd IS NULL THEN too_large_reason()
    END AS incomplete_reason
FROM judged v
