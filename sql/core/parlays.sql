-- about: combos (parlays) with their definition, newest quote and payout
-- creates: core.parlays
-- grain: instrument
-- partition: none
-- inputs: core.instruments, core.events, core.instrument_quotes, core.resolutions, core.trades, raw.last_seen
-- No listing has Polymarket's combos: those that traded are known by their condition (62 hex digits from 0x03), and
-- their legs are unknown. Names are cut: titles at 60 characters, a combo after 4 legs.
WITH combos AS (
    SELECT
        venue,
        instrument_id,
        native_id,
        event_id,
        collection_id,
        title,
        status,
        created_at,
        closes_at,
        settled_at,
        CASE WHEN json_valid(external_ref) THEN external_ref -> '$.legs' END AS served
    FROM core.instruments
    WHERE is_combo
    UNION ALL BY NAME
    SELECT venue, instrument_id, substr(instrument_id, length(venue) + 2) AS native_id
    FROM core.trades
    WHERE is_unlisted_combo(instrument_id)
        AND instrument_id NOT IN (SELECT instrument_id FROM core.instruments WHERE is_combo)
    GROUP BY venue, instrument_id
),

defined AS (
    SELECT *, CASE WHEN json_type(served) = 'ARRAY' AND json_array_length(served) > 0 THEN served END AS definition
    FROM combos
),

legs AS (
    SELECT
        venue,
        instrument_id,
        unnest(json_transform(
            definition, '[{"event_ticker": "VARCHAR", "market_ticker": "VARCHAR", "side": "VARCHAR"}]'
        )) AS leg,
        generate_subscripts(json_transform(definition, '["JSON"]'), 1) - 1 AS leg_index
    FROM defined
    WHERE definition IS NOT NULL
),

worded AS (
    SELECT
        l.instrument_id,
        l.leg_index,
        CASE
            WHEN coalesce(l.leg.market_ticker, '') = '' THEN 'leg ' || l.leg_index || ' names no market'
            WHEN coalesce(lower(l.leg.side), '') NOT IN ('yes', 'no')
                THEN 'leg ' || l.leg_index || ' is on neither side'
        END AS fault,
        CASE WHEN lower(i.sub_title) NOT IN ('yes', lower(coalesce(i.title, ''))) THEN i.sub_title END AS what,
        CASE WHEN what IS NOT NULL THEN coalesce(e.title, i.title) ELSE coalesce(i.title, e.title) END AS about,
        coalesce(
            CASE WHEN length(about) > 60 THEN rtrim(left(about, 59)) || '…' ELSE about END
            || CASE
                WHEN what IS NULL THEN ''
                WHEN length(what) > 60 THEN ' - ' || rtrim(left(what, 59)) || '…'
                ELSE ' - ' || what
            END,
            what,
            l.leg.market_ticker,
            '?'
        ) AS words,
        coalesce(upper(nullif(l.leg.side, '')), '?') AS side
    FROM legs l
    LEFT JOIN core.instruments i ON i.instrument_id = l.venue || ':' || l.leg.market_ticker
    LEFT JOIN core.events e ON e.event_id = coalesce(i.event_id, l.venue || ':' || l.leg.event_ticker)
),

named AS (
    SELECT
        instrument_id,
        count(*) AS leg_count,
        arg_min(fault, leg_index) FILTER (fault IS NOT NULL) AS fault,
        string_agg(words || ': ' || side, ' + ' ORDER BY leg_index) FILTER (leg_index < 4) AS words
    FROM worded
    GROUP BY instrument_id
),

polled AS (
    SELECT
        instrument_id,
        arg_max(
            {'bid': best_bid, 'ask': best_ask, 'last': last_price, 'at': observed_at, 'sha256': raw_sha256}, observed_at
        ) AS newest
    FROM core.instrument_quotes
    WHERE instrument_id IN (SELECT instrument_id FROM combos)
    GROUP BY instrument_id
),

-- The age of a quote counts from the last time served; an unchanged payload is stored once.
quotes AS (
    SELECT p.instrument_id, p.newest, greatest(p.newest.at, s.last_seen_at) AS served_at
    FROM polled p
    LEFT JOIN raw.last_seen s
        ON s.endpoint = 'markets' AND p.instrument_id = s.venue || ':' || s.object_key AND p.newest.sha256 = s.sha256
),

payouts AS (
    SELECT instrument_id, arg_max(payout_0, (observed_at, source)) AS payout_0
    FROM core.resolutions
    WHERE payout_0 IS NOT NULL AND status = 'settled' AND instrument_id IN (SELECT instrument_id FROM combos)
    GROUP BY instrument_id
)

SELECT
    d.venue,
    d.instrument_id,
    d.native_id,
    d.event_id,
    d.collection_id,
    CASE
        WHEN n.leg_count > 4 THEN n.words || ' + ' || (n.leg_count - 4) || ' more'
        WHEN n.words IS NOT NULL THEN n.words
        ELSE coalesce(left(d.title, 200), 'Combo ' || left(d.native_id, 12) || '… of unknown legs')
    END AS display_name,
    CAST(d.definition AS VARCHAR) AS definition,
    n.leg_count,
    n.leg_count IS NOT NULL AND n.fault IS NULL AS legs_known,
    CASE
        WHEN n.leg_count IS NOT NULL THEN n.fault
        WHEN is_unlisted_combo(d.instrument_id) THEN venue_title(d.venue) || ' does not publish the legs of its combos'
        ELSE 'the venue served no legs'
    END AS unknown_reason,
    d.status,
    d.created_at,
    d.closes_at,
    d.settled_at,
    q.newest.last AS last_price,
    q.newest.bid AS bid,
    q.newest.ask AS ask,
    q.served_at AS observed_at,
    p.payout_0
FROM defined d
LEFT JOIN named n USING (instrument_id)
LEFT JOIN quotes q USING (instrument_id)
LEFT JOIN payouts p USING (instrument_id)
