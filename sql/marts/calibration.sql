-- about: prices of settled instruments 1 hour to 30 days before their outcome could be known, and their payouts
-- creates: mart.calibration
-- grain: instrument, horizon
-- partition: date
-- lookback_days: 45
-- inputs: core.trades, core.daily_prices
-- lookups: core.resolutions, core.instruments, core.outcomes
-- A price counts from a quarter of the horizon before the horizon's time up to that time (1 h: 15 minutes; 30 d: 7.5
-- days, so 38 days are searched). These intervals do not overlap, so every trade belongs to at most one horizon and one
-- pass over the trades is enough: a group per instrument and horizon keeps its last price and the first time with any
-- trade. An instrument uses its own 45 days only, independent of the other days that are computed together.
-- A daily close is known at the end of its day; it is used only if there is no trade at or before the time.
-- Of several trades at the same time, the price with the greatest hash counts: the last one is not known, the highest
-- would be biased, and ids need not be read (half of the bytes).
WITH horizons (horizon, seconds) AS (
    VALUES ('1h', 3600), ('6h', 21600), ('1d', 86400), ('7d', 604800), ('30d', 2592000)
),

paid AS (
    SELECT
        venue,
        instrument_id,
        min(payout_0) FILTER (WHERE status = 'settled') AS payout_0,
        is_contested(source, status, payout_0, observed_at) AS is_contested,
        min(proposed_at) AS proposed_at,
        min(resolved_at) AS resolved_at,
        min(observed_at) AS observed_at
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
        -- The earliest known time: least() ignores NULL.
        least(i.trading_ended_at, i.occurrence_at, p.proposed_at, p.resolved_at, i.settled_at) AS known_at,
        utc_day(coalesce(known_at, p.observed_at)) AS date
    FROM paid p
    LEFT JOIN core.instruments i USING (instrument_id)
),

settled AS MATERIALIZED (
    -- Points are grouped by a number, because ids have up to 77 characters.
    SELECT *, row_number() OVER () AS no
    FROM timed
    WHERE date >= $from AND date < $to
),

points AS (
    SELECT instrument_id, date, event_at AS price_at, price_0 AS price, true AS is_trade, 0 AS rank
    FROM core.trades
    WHERE date >= $from - 45 AND date < $to AND price_0 IS NOT NULL AND identity = 'strong' AND NOT is_block_trade
    UNION ALL
    SELECT
        instrument_id,
        date,
        CAST(date + 1 AS TIMESTAMP)
        AT TIME ZONE CASE price_source WHEN 'venue_day' THEN 'America/New_York' ELSE 'UTC' END AS price_at,
        close AS price,
        false AS is_trade,
        -- Order of closes at the same midnight: trades, then candle, mid_sample, venue_day.
        list_position(['venue_day', 'mid_sample', 'candle', 'trades'], price_source) AS rank
    FROM core.daily_prices
    WHERE date >= $from - 45 AND date < $to AND close IS NOT NULL
),

led AS (
    SELECT
        s.no,
        p.price_at,
        p.price,
        p.is_trade,
        p.rank,
        epoch_us(s.known_at) - epoch_us(p.price_at) AS lead
    FROM points p
    JOIN settled s ON p.instrument_id = s.instrument_id AND p.price_at <= s.known_at AND p.date >= s.date - 45
),

placed AS (
    SELECT
        *,
        CASE
            WHEN lead < 3600000000 THEN NULL
            WHEN lead <= 4500000000 THEN 3600
            WHEN lead BETWEEN 21600000000 AND 27000000000 THEN 21600
            WHEN lead BETWEEN 86400000000 AND 108000000000 THEN 86400
            WHEN lead BETWEEN 604800000000 AND 756000000000 THEN 604800
            WHEN lead BETWEEN 2592000000000 AND 3240000000000 THEN 2592000
        END AS seconds
    FROM led
),

-- newness: the time above 64 bits that break ties at the same time; NULL outside every interval.
keyed AS (
    SELECT
        *,
        CASE WHEN seconds IS NOT NULL THEN
            (CAST(epoch_us(price_at) AS HUGEINT) << 64) + CASE WHEN is_trade THEN hash(price) ELSE rank END
        END AS newness
    FROM placed
),

lasts AS (
    SELECT
        no,
        seconds,
        is_trade,
        min(price_at) AS first_at,
        max(price_at) AS price_at,
        arg_max(price, newness) AS price,
        arg_max(rank, newness) AS rank
    FROM keyed
    GROUP BY no, seconds, is_trade
),

firsts AS (
    SELECT no, min(first_at) FILTER (WHERE is_trade) AS first_trade_at, min(first_at) AS first_at
    FROM lasts
    GROUP BY no
),

priced AS (
    SELECT s.*, h.*, s.known_at - to_seconds(h.seconds) AS horizon_at, f.first_at, l.price, l.price_at, l.rank
    FROM settled s
    CROSS JOIN horizons h
    LEFT JOIN firsts f USING (no)
    LEFT JOIN lasts l
        ON s.no = l.no
        AND h.seconds = l.seconds
        AND l.is_trade = coalesce(f.first_trade_at <= s.known_at - to_seconds(h.seconds), false)
)

SELECT
    venue,
    date,
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
    outcome_0_name(venue_has_tokens(venue), label) AS priced_outcome,
    price_at,
    ['trade', 'venue_day', 'mid_sample', 'candle', 'trades'][rank + 1] AS price_source,
    CASE WHEN NOT is_contested THEN payout_0 END AS outcome,
    CASE
        WHEN payout_0 IS NULL THEN 'no_payout'
        WHEN is_contested THEN 'payouts_disagree'
        WHEN known_at IS NULL THEN 'no_outcome_time'
        WHEN price IS NOT NULL THEN NULL
        WHEN first_at <= horizon_at THEN 'too_old'
        WHEN opens_at > horizon_at THEN 'not_open'
        ELSE 'no_price'
    END AS missing_reason
FROM priced
LEFT JOIN (SELECT instrument_id, label FROM core.outcomes WHERE outcome_index = 0) USING (instrument_id)
