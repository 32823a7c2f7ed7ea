-- about: one price and one volume per instrument and UTC day, with the source of each
-- creates: mart.daily
-- grain: instrument, date
-- partition: date
-- inputs: core.daily_prices, mart.trade_volume
-- lookups: core.instrument_completeness, core.instruments
-- Price: the first of trades, candle, mid_sample that has a close, complete days first. Volume: counted from trades; if
-- the day's trades were not read to the end, the contracts of a complete candle. A day without trades is 0 if the trades
-- of the instrument are complete over it, or if a complete candle says so; otherwise it is NULL. Completeness of days
-- without trades is read as it is now: sql/stale/daily.sql finds days that it contradicts.
WITH prices AS (
    SELECT
        venue,
        date,
        instrument_id,
        price_source,
        open,
        high,
        low,
        close,
        is_complete,
        incomplete_reason,
        max(vwap) FILTER (price_source = 'trades') OVER same_day AS vwap_of_trades,
        max(bid_close) FILTER (price_source = 'candle') OVER same_day AS quoted_bid,
        max(ask_close) FILTER (price_source = 'candle') OVER same_day AS quoted_ask,
        max(open_interest) FILTER (price_source = 'candle') OVER same_day AS contracts_open,
        max(volume) FILTER (price_source = 'candle' AND is_complete) OVER same_day AS candle_contracts,
        row_number() OVER (
            PARTITION BY instrument_id, date
            ORDER BY close IS NULL, NOT is_complete, list_position(['trades', 'candle', 'mid_sample'], price_source)
        ) AS place
    FROM core.daily_prices
    WHERE date >= $from AND date < $to AND price_source IN ('trades', 'candle', 'mid_sample')
    WINDOW same_day AS (PARTITION BY instrument_id, date)
),

volumes AS (
    SELECT * FROM mart.trade_volume WHERE date >= $from AND date < $to
),

read_to_the_end AS (
    SELECT c.instrument_id, c.complete_from, c.complete_to, i.opens_at, i.trading_ended_at
    FROM core.instrument_completeness c
    LEFT JOIN core.instruments i USING (instrument_id)
    WHERE c.table_name = 'core.trades' AND c.complete_from IS NOT NULL
),

joined AS (
    SELECT
        coalesce(p.venue, v.venue) AS venue,
        date,
        instrument_id,
        p.* EXCLUDE (venue, date, instrument_id, is_complete, incomplete_reason),
        p.instrument_id IS NOT NULL AS has_price_row,
        coalesce(p.is_complete, false) AS price_is_complete,
        p.incomplete_reason AS price_reason,
        v.contracts,
        v.taker_notional_usd,
        v.trades AS prints,
        v.traders,
        v.block_contracts,
        v.instrument_id IS NOT NULL AS has_trades,
        coalesce(v.is_complete, false) AS trades_are_complete,
        v.incomplete_reason AS trades_reason,
        coalesce(
            r.complete_from <= greatest(CAST(date AS TIMESTAMP) AT TIME ZONE 'UTC', r.opens_at)
            AND r.complete_to >= least(CAST(date + 1 AS TIMESTAMP) AT TIME ZONE 'UTC', r.trading_ended_at),
            false
        ) AS is_read
    FROM (FROM prices WHERE place = 1) p
    FULL JOIN volumes v USING (instrument_id, date)
    LEFT JOIN read_to_the_end r USING (instrument_id)
),

sourced AS (
    SELECT
        *,
        CASE
            WHEN trades_are_complete THEN 'trades'
            WHEN NOT has_trades AND is_read AND coalesce(candle_contracts, 0) = 0 THEN 'trades'
            WHEN candle_contracts IS NOT NULL AND NOT (has_trades AND candle_contracts = 0) THEN 'candle'
            WHEN has_trades THEN 'trades'
        END AS volume_source
    FROM joined
),

counted AS (
    SELECT
        * REPLACE (
            CASE WHEN volume_source = 'candle' THEN candle_contracts WHEN has_trades THEN contracts
                WHEN volume_source = 'trades' THEN 0 END AS contracts,
            CASE WHEN volume_source = 'candle' AND candle_contracts > 0 THEN NULL WHEN has_trades THEN taker_notional_usd
                WHEN volume_source IS NOT NULL THEN 0 END AS taker_notional_usd
        ),
        CASE WHEN volume_source = 'candle' AND candle_contracts > 0 THEN NULL WHEN has_trades THEN prints
            WHEN volume_source IS NOT NULL THEN 0 END AS trade_count,
        CASE
            WHEN volume_source IS NULL THEN 'trades of the day were not read to its end'
            WHEN volume_source = 'candle' AND candle_contracts > 0
                THEN coalesce(
                    trades_reason,
                    CASE WHEN is_read THEN 'no trade was served' ELSE 'trades of the day were not read to its end' END
                ) || '; contracts are those of the candles'
            WHEN has_trades AND NOT trades_are_complete THEN trades_reason
        END AS volume_reason
    FROM sourced
)

SELECT
    venue,
    date,
    instrument_id,
    CASE WHEN close IS NOT NULL THEN price_source END AS price_source,
    open,
    high,
    low,
    close,
    vwap_of_trades AS vwap,
    quoted_bid AS bid_close,
    quoted_ask AS ask_close,
    contracts_open AS open_interest,
    volume_source,
    contracts,
    taker_notional_usd,
    trade_count AS trades,
    CASE WHEN volume_source = 'trades' THEN traders END AS traders,
    price_is_complete,
    volume_reason IS NULL AS volume_is_complete,
    price_is_complete AND volume_reason IS NULL AS is_complete,
    nullif(concat_ws(
        '; ',
        CASE
            WHEN NOT has_price_row THEN 'price: no source has the day'
            WHEN NOT price_is_complete
                THEN 'price: ' || coalesce(price_reason, price_source || ' of the day were not read to its end')
        END,
        'volume: ' || volume_reason
    ), '') AS incomplete_reason
FROM counted
