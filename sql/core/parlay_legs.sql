-- about: legs of combos with prices of the combo's side: now, near the combo's own quote, and at its creation
-- creates: core.parlay_legs
-- grain: parlay, leg_index
-- partition: none
-- inputs: core.parlays, core.instruments, core.instrument_quotes, core.trades, core.daily_prices, core.resolutions, raw.last_seen
-- abs(outcome_index - x) is x on the side of outcome 0 and 1 - x on the other. The price at creation is the last known
-- one at or before it: prints and polls of that UTC day and the day before, older ones by their daily close. Only those
-- days of legs are read, and one row per instrument and time: 500 combos may share a leg of 100,000 prints.
WITH served AS (
    SELECT
        instrument_id AS parlay_id,
        venue,
        created_at,
        observed_at AS quoted_at,
        unnest(json_transform(
            definition, '[{"event_ticker": "VARCHAR", "market_ticker": "VARCHAR", "side": "VARCHAR"}]'
        )) AS leg,
        generate_subscripts(json_transform(definition, '["JSON"]'), 1) - 1 AS leg_index
    FROM core.parlays
    WHERE definition IS NOT NULL
),

legs AS (
    SELECT
        s.* EXCLUDE (leg),
        s.venue || ':' || nullif(s.leg.market_ticker, '') AS instrument_id,
        coalesce(s.venue || ':' || nullif(s.leg.event_ticker, ''), i.event_id) AS event_id,
        lower(s.leg.side) AS side,
        CASE lower(s.leg.side) WHEN 'yes' THEN 0 WHEN 'no' THEN 1 END AS outcome_index,
        i.title,
        i.sub_title,
        i.status,
        i.market_type,
        CASE
            WHEN coalesce(s.leg.market_ticker, '') = '' THEN 'the leg names no market'
            WHEN coalesce(lower(s.leg.side), '') NOT IN ('yes', 'no') THEN 'the leg is on neither side'
            WHEN i.instrument_id IS NULL THEN 'the instrument is not held'
        END AS unknown_reason
    FROM served s
    LEFT JOIN core.instruments i ON i.instrument_id = s.venue || ':' || s.leg.market_ticker
),

payouts AS (
    SELECT instrument_id, arg_max(payout_0, (observed_at, source)) AS payout_0
    FROM core.resolutions
    WHERE payout_0 IS NOT NULL AND status = 'settled' AND instrument_id IN (SELECT instrument_id FROM legs)
    GROUP BY instrument_id
),

polled AS (
    SELECT
        instrument_id,
        arg_max(
            {'bid': best_bid, 'ask': best_ask, 'last': last_price, 'at': observed_at, 'sha256': raw_sha256}, observed_at
        ) AS quote
    FROM core.instrument_quotes
    WHERE instrument_id IN (SELECT instrument_id FROM legs)
    GROUP BY instrument_id
),

-- The age of a quote counts from the last time served; an unchanged payload is stored once.
newest AS (
    SELECT p.instrument_id, p.quote, greatest(p.quote.at, s.last_seen_at) AS served_at
    FROM polled p
    LEFT JOIN raw.last_seen s
        ON s.endpoint = 'markets' AND p.instrument_id = s.venue || ':' || s.object_key AND p.quote.sha256 = s.sha256
),

-- The combo's newest quote, and the quotes of its legs in the same minute.
beside AS (
    SELECT DISTINCT instrument_id, quoted_at FROM legs WHERE instrument_id IS NOT NULL AND quoted_at IS NOT NULL
),

near_days AS (
    SELECT DISTINCT
        instrument_id,
        unnest([
            CAST((quoted_at - INTERVAL 60 SECOND) AT TIME ZONE 'UTC' AS DATE),
            CAST((quoted_at + INTERVAL 60 SECOND) AT TIME ZONE 'UTC' AS DATE)
        ]) AS date
    FROM beside
),

near_quotes AS (
    SELECT q.instrument_id, q.observed_at, q.best_bid, q.best_ask
    FROM core.instrument_quotes q
    SEMI JOIN near_days USING (instrument_id, date)
),

matched AS (
    SELECT b.instrument_id, b.quoted_at, q.best_bid AS bid, q.best_ask AS ask, q.observed_at AS matched_at
    FROM beside b
    ASOF JOIN near_quotes q
        ON b.instrument_id = q.instrument_id AND b.quoted_at + INTERVAL 60 SECOND >= q.observed_at
    WHERE q.observed_at >= b.quoted_at - INTERVAL 60 SECOND
),

births AS (
    SELECT DISTINCT instrument_id, created_at, CAST(created_at AT TIME ZONE 'UTC' AS DATE) AS date
    FROM legs
    WHERE instrument_id IS NOT NULL AND created_at IS NOT NULL
),

birth_days AS (
    SELECT DISTINCT instrument_id, unnest([date - 1, date]) AS date FROM births
),

prints AS (
    SELECT t.instrument_id, t.event_at, arg_max(t.price_0, t.trade_id) AS price_0
    FROM core.trades t
    SEMI JOIN birth_days USING (instrument_id, date)
    WHERE t.price_0 IS NOT NULL AND NOT t.is_block_trade
    GROUP BY t.instrument_id, t.event_at
),

polls AS (
    SELECT
        q.instrument_id,
        q.observed_at,
        CASE
            WHEN q.best_bid IS NULL OR q.best_ask IS NULL THEN q.last_price
            ELSE CAST((q.best_bid + q.best_ask) * 0.5 AS DECIMAL(18, 12))
        END AS price_0
    FROM core.instrument_quotes q
    SEMI JOIN birth_days USING (instrument_id, date)
    WHERE coalesce(q.last_price, q.best_bid + q.best_ask) IS NOT NULL
),

closes AS (
    SELECT
        instrument_id,
        date,
        arg_min(close, array_position(['trades', 'candle', 'mid_sample'], price_source)) AS price_0
    FROM core.daily_prices
    WHERE close IS NOT NULL AND price_source <> 'venue_day' AND instrument_id IN (SELECT instrument_id FROM births)
    GROUP BY instrument_id, date
),

known AS (
    SELECT b.instrument_id, b.created_at, 'trade' AS source, p.price_0, p.event_at AS known_at
    FROM births b
    ASOF JOIN prints p ON b.instrument_id = p.instrument_id AND b.created_at >= p.event_at
    UNION ALL
    SELECT b.instrument_id, b.created_at, 'quote', p.price_0, p.observed_at
    FROM births b
    ASOF JOIN polls p ON b.instrument_id = p.instrument_id AND b.created_at >= p.observed_at
    UNION ALL
    SELECT b.instrument_id, b.created_at, 'daily_close', c.price_0, CAST(c.date + 1 AS TIMESTAMP) AT TIME ZONE 'UTC'
    FROM births b
    ASOF JOIN closes c ON b.instrument_id = c.instrument_id AND b.date > c.date
),

-- At the same time a print is preferred to a poll, and a poll to a daily close.
at_birth AS (
    SELECT
        instrument_id,
        created_at,
        arg_max({'price': price_0, 'source': source, 'at': known_at}, (known_at, source)) AS last
    FROM known
    GROUP BY instrument_id, created_at
),

priced AS (
    SELECT
        l.*,
        p.payout_0,
        n.quote,
        n.served_at,
        m.bid AS beside_bid,
        m.ask AS beside_ask,
        m.matched_at,
        a.last,
        CASE
            WHEN p.payout_0 IS NOT NULL THEN 'payout'
            WHEN n.quote.bid IS NOT NULL AND n.quote.ask IS NOT NULL THEN 'mid'
            WHEN n.quote.last IS NOT NULL THEN 'last_trade'
        END AS price_source
    FROM legs l
    LEFT JOIN payouts p ON p.instrument_id = l.instrument_id
    LEFT JOIN newest n ON n.instrument_id = l.instrument_id
    LEFT JOIN matched m ON m.instrument_id = l.instrument_id AND m.quoted_at = l.quoted_at
    LEFT JOIN at_birth a ON a.instrument_id = l.instrument_id AND a.created_at = l.created_at
)

SELECT
    venue,
    parlay_id,
    leg_index,
    instrument_id,
    event_id,
    side,
    outcome_index,
    title,
    sub_title,
    status,
    market_type = 'scalar' OR (payout_0 > 0 AND payout_0 < 1) AS is_scalar,
    unknown_reason IS NULL AS is_known,
    unknown_reason,
    abs(outcome_index - CASE price_source
        WHEN 'payout' THEN payout_0
        WHEN 'mid' THEN CAST((quote.bid + quote.ask) * 0.5 AS DECIMAL(18, 12))
        ELSE quote.last
    END) AS price,
    CASE WHEN outcome_index IS NOT NULL THEN price_source END AS price_source,
    CASE
        WHEN outcome_index IS NOT NULL AND price_source IS NOT NULL THEN NULL
        WHEN unknown_reason IS NOT NULL THEN unknown_reason
        WHEN quote IS NULL THEN 'never polled'
        ELSE 'neither two quotes nor a trade'
    END AS price_reason,
    CASE outcome_index WHEN 0 THEN quote.bid WHEN 1 THEN 1 - quote.ask END AS bid,
    CASE outcome_index WHEN 0 THEN quote.ask WHEN 1 THEN 1 - quote.bid END AS ask,
    served_at AS observed_at,
    CASE outcome_index WHEN 0 THEN beside_bid WHEN 1 THEN 1 - beside_ask END AS bid_beside,
    CASE outcome_index WHEN 0 THEN beside_ask WHEN 1 THEN 1 - beside_bid END AS ask_beside,
    matched_at AS beside_at,
    abs(outcome_index - last.price) AS price_at_creation,
    CASE WHEN outcome_index IS NOT NULL THEN last.source END AS creation_source,
    last.at AS creation_known_at,
    CASE
        WHEN outcome_index IS NOT NULL AND last IS NOT NULL THEN NULL
        WHEN instrument_id IS NULL OR outcome_index IS NULL THEN unknown_reason
        WHEN created_at IS NULL THEN 'the combo''s creation time is unknown'
        ELSE 'no price is known from then or before'
    END AS creation_reason,
    abs(outcome_index - payout_0) AS payout
FROM priced
