-- about: what settled instruments cost 1 hour to 30 days before their outcome could be known, and what they paid
-- creates: mart.calibration
-- grain: instrument, horizon
-- partition: none
-- inputs: core.trades, core.daily_prices, core.resolutions, core.instruments
-- A price counts from the horizon's time back to a quarter of the horizon before it (from 1 h: 15 minutes). These
-- stretches do not meet, so every trade belongs to at most one horizon and one pass over the trades is enough: a
-- group per instrument and horizon keeps its last price and the first time that there was any.
-- A daily close is known when its day is over, and stands in only where we hold no trade at or before the time.
WITH horizons (horizon, seconds) AS (
    VALUES ('1h', 3600), ('6h', 21600), ('1d', 86400), ('7d', 604800), ('30d', 2592000)
),

paid AS (
    SELECT
        venue,
        instrument_id,
        min(payout_0) FILTER (WHERE status = 'settled') AS payout_0,
        max(payout_0) FILTER (WHERE status = 'settled') AS other_payout_0,
        min(proposed_at) AS proposed_at,
        min(resolved_at) AS resolved_at
    FROM core.resolutions
    GROUP BY venue, instrument_id
    HAVING bool_or(status IN ('settled', 'unresolved'))
),

timed AS (
    SELECT
        p.*,
        i.event_id,
        i.opens_at,
        i.trading_ended_at,
        i.occurrence_at,
        -- Of those that are known: least() passes over NULL.
        least(i.trading_ended_at, i.occurrence_at, p.proposed_at, p.resolved_at, i.settled_at) AS known_at,
        -- Points are grouped by a number: ids have up to 77 letters.
        row_number() OVER () AS no
    FROM paid p
    LEFT JOIN core.instruments i USING (instrument_id)
),

points AS (
    SELECT instrument_id, event_at AS price_at, price_0 AS price, true AS is_trade, trade_id AS tie
    FROM core.trades
    WHERE price_0 IS NOT NULL AND identity = 'strong' AND NOT is_block_trade
    UNION ALL
    SELECT
        instrument_id,
        CAST(date + 1 AS TIMESTAMP)
        AT TIME ZONE CASE price_source WHEN 'venue_day' THEN 'America/New_York' ELSE 'UTC' END AS price_at,
        close AS price,
        false AS is_trade,
        price_source AS tie
    FROM core.daily_prices
    WHERE close IS NOT NULL
),

led AS (
    SELECT t.no, p.price_at, p.price, p.is_trade, p.tie, (epoch_us(t.known_at) - epoch_us(p.price_at)) / 1e6 AS lead
    FROM points p
    JOIN timed t ON p.instrument_id = t.instrument_id AND p.price_at <= t.known_at
),

placed AS (
    SELECT
        *,
        CASE
            WHEN lead BETWEEN 3600 AND 3600 * 1.25 THEN 3600
            WHEN lead BETWEEN 21600 AND 21600 * 1.25 THEN 21600
            WHEN lead BETWEEN 86400 AND 86400 * 1.25 THEN 86400
            WHEN lead BETWEEN 604800 AND 604800 * 1.25 THEN 604800
            WHEN lead BETWEEN 2592000 AND 2592000 * 1.25 THEN 2592000
        END AS seconds
    FROM led
),

-- Of closes of one midnight: trades, then candle, mid_sample, venue_day.
lasts AS (
    SELECT
        no,
        seconds,
        is_trade,
        min(price_at) AS first_at,
        max(price_at) AS price_at,
        CASE WHEN is_trade THEN
            arg_max(price, (price_at, tie)) FILTER (WHERE seconds IS NOT NULL AND is_trade)
        ELSE
            arg_max(price, (price_at, -list_position(['trades', 'candle', 'mid_sample', 'venue_day'], tie)))
                FILTER (WHERE seconds IS NOT NULL AND NOT is_trade)
        END AS price,
        CASE WHEN is_trade THEN
            'trade'
        ELSE
            arg_max(tie, (price_at, -list_position(['trades', 'candle', 'mid_sample', 'venue_day'], tie)))
                FILTER (WHERE seconds IS NOT NULL AND NOT is_trade)
        END AS price_source
    FROM placed
    GROUP BY no, seconds, is_trade
),

firsts AS (
    SELECT no, min(first_at) FILTER (WHERE is_trade) AS first_trade_at, min(first_at) AS first_at
    FROM lasts
    GROUP BY no
),

priced AS (
    SELECT t.*, h.*, t.known_at - to_seconds(h.seconds) AS horizon_at, f.first_at, l.price, l.price_at, l.price_source
    FROM timed t
    CROSS JOIN horizons h
    LEFT JOIN firsts f USING (no)
    LEFT JOIN lasts l
        ON t.no = l.no
        AND h.seconds = l.seconds
        AND l.is_trade = coalesce(f.first_trade_at <= t.known_at - to_seconds(h.seconds), false)
)

SELECT
    venue,
    instrument_id,
    event_id,
    horizon,
    seconds AS horizon_seconds,
    known_at AS outcome_known_at,
    CASE known_at
        WHEN trading_ended_at THEN 'trading_ended'
        WHEN occurrence_at THEN 'occurrence'
        WHEN proposed_at THEN 'proposal'
        ELSE if(known_at IS NULL, NULL, 'resolution')
    END AS outcome_basis,
    horizon_at,
    price,
    price_at,
    price_source,
    CASE WHEN payout_0 = other_payout_0 THEN payout_0 END AS outcome,
    CASE
        WHEN payout_0 IS NULL THEN 'no_payout'
        WHEN payout_0 <> other_payout_0 THEN 'payouts_disagree'
        WHEN known_at IS NULL THEN 'no_outcome_time'
        WHEN price IS NOT NULL THEN NULL
        WHEN first_at <= horizon_at THEN 'too_old'
        WHEN opens_at > horizon_at THEN 'not_open'
        ELSE 'no_price'
    END AS missing_reason
FROM priced
