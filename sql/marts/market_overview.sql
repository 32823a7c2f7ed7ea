-- about: one row per instrument for filtering: price, changes, volume, quote, end, payout, completeness, flags
-- creates: mart.market_overview
-- grain: instrument
-- partition: none
-- inputs: core.instruments, core.events, core.ticker_categories, core.display_names, core.instrument_quotes, core.trades, core.daily_prices, core.resolutions, raw.last_seen, mart.trade_volume
-- lookups: core.instrument_completeness, core.unread_rows
-- Reads recent days only: prints of today, yesterday and the day in which the 7 days begin; volumes of the whole days
-- in between; closes of 8 days and of 30 days ago; quotes that were served within 3 days. The price comes from the
-- first of trades, candle, mid_sample, quote_mid, last_price that has one in these days; both prices of a change are
-- from one source.
WITH days_of_prints AS MATERIALIZED (
    SELECT
        instrument_id,
        date,
        identity = 'strong' AS is_strong,
        sum(size) FILTER (WHERE event_at >= $now - INTERVAL 24 HOUR) AS contracts_24h,
        sum(taker_notional_usd) FILTER (WHERE event_at >= $now - INTERVAL 24 HOUR) AS usd_24h,
        sum(size) FILTER (WHERE event_at >= $now - INTERVAL 168 HOUR) AS contracts_7d,
        sum(taker_notional_usd) FILTER (WHERE event_at >= $now - INTERVAL 168 HOUR) AS usd_7d,
        arg_max(price_0, (event_at, trade_id)) FILTER (WHERE NOT is_block_trade AND price_0 IS NOT NULL) AS price,
        max(event_at) FILTER (WHERE NOT is_block_trade AND price_0 IS NOT NULL) AS price_at
    FROM core.trades
    WHERE date IN (utc_day($now) - 7, utc_day($now) - 1, utc_day($now)) AND event_at < $now
    GROUP BY instrument_id, date, identity
),

-- Imports without ids count only on days without prints that have an id, as in mart.trade_volume. A window function
-- over the days would read the prints twice.
prints AS (
    SELECT * FROM days_of_prints WHERE is_strong
    UNION ALL
    SELECT w.*
    FROM days_of_prints w
    ANTI JOIN days_of_prints s ON s.is_strong AND s.instrument_id = w.instrument_id AND s.date = w.date
    WHERE NOT w.is_strong
),

-- Yesterday comes from the prints for the 24 hours and from mart.trade_volume for the 7 days. A total there that fits
-- no column is NULL: it counts as 10^30 here, so that the sum fits no column either.
volumes AS (
    SELECT
        instrument_id,
        sum(contracts_24h) AS contracts_24h,
        sum(usd_24h) AS usd_24h,
        bool_and(is_strong) FILTER (WHERE contracts_24h IS NOT NULL) AS is_strong_24h,
        sum(contracts_7d) AS contracts_7d,
        sum(usd_7d) AS usd_7d,
        bool_and(is_strong) FILTER (WHERE contracts_7d IS NOT NULL) AS is_strong_7d
    FROM (
        SELECT instrument_id, is_strong, contracts_24h, usd_24h, NULL AS contracts_7d, NULL AS usd_7d
        FROM prints
        WHERE date >= utc_day($now) - 1
        UNION ALL
        SELECT instrument_id, is_strong, NULL, NULL, contracts_7d, usd_7d
        FROM prints
        WHERE date <> utc_day($now) - 1
        UNION ALL
        SELECT
            instrument_id,
            identity = 'strong',
            NULL,
            NULL,
            coalesce(contracts, CAST('1e30' AS DECIMAL(38, 6))),
            coalesce(taker_notional_usd, CAST('1e30' AS DECIMAL(38, 6)))
        FROM mart.trade_volume
        WHERE date BETWEEN utc_day($now) - 6 AND utc_day($now) - 1
    )
    GROUP BY instrument_id
),

-- A close has no exact time: it is not later than the end of its day and the time of reading. A print has an exact
-- time.
points AS (
    SELECT
        instrument_id,
        price_source,
        date,
        close AS price,
        least(CAST(date + 1 AS TIMESTAMP) AT TIME ZONE 'UTC', observed_at, $now) AS price_at,
        0 AS is_print
    FROM core.daily_prices
    WHERE (date BETWEEN utc_day($now) - 7 AND utc_day($now) OR date = utc_day($now) - 30)
        AND price_source IN ('trades', 'candle', 'mid_sample')
        AND close IS NOT NULL
    UNION ALL
    SELECT instrument_id, 'trades', date, CAST(price AS DECIMAL(9, 6)), price_at, 1
    FROM prints
    WHERE is_strong AND price IS NOT NULL AND date >= utc_day($now) - 1
),

prices AS (
    SELECT
        instrument_id,
        price_source,
        arg_max(price, (date, is_print)) FILTER (WHERE date >= utc_day($now) - 7) AS price,
        arg_max(price_at, (date, is_print)) FILTER (WHERE date >= utc_day($now) - 7) AS price_at,
        max(price) FILTER (WHERE date = utc_day($now) - 1 AND is_print = 0) AS price_1d,
        max(price) FILTER (WHERE date = utc_day($now) - 7) AS price_7d,
        max(price) FILTER (WHERE date = utc_day($now) - 30) AS price_30d
    FROM points
    GROUP BY instrument_id, price_source
    HAVING max(date) >= utc_day($now) - 7
    QUALIFY row_number() OVER (
        PARTITION BY instrument_id ORDER BY list_position(['trades', 'candle', 'mid_sample'], price_source)
    ) = 1
),

-- The newest quote of each instrument, if the venue served it within 3 days. An unchanged payload is stored once: the
-- age of its quote counts from the last time served, however old the stored row is.
served AS (
    SELECT venue || ':' || object_key AS instrument_id, sha256, utc_day(first_seen_at) AS date, last_seen_at
    FROM raw.last_seen
    WHERE endpoint = 'markets' AND last_seen_at >= CAST(utc_day($now) - 2 AS TIMESTAMP) AT TIME ZONE 'UTC'
),

polled AS (
    SELECT *
    FROM core.instrument_quotes
    WHERE date BETWEEN utc_day($now) - 2 AND utc_day($now) AND observed_at <= $now
    UNION ALL
    SELECT q.*
    FROM core.instrument_quotes q
    SEMI JOIN served s ON q.instrument_id = s.instrument_id AND q.date = s.date AND q.raw_sha256 = s.sha256
    WHERE q.date < utc_day($now) - 2
),

newest AS (
    SELECT instrument_id, max(observed_at) AS observed_at FROM polled GROUP BY instrument_id
),

quotes AS (
    SELECT
        instrument_id,
        CASE WHEN s.sha256 = q.raw_sha256 THEN greatest(observed_at, least(s.last_seen_at, $now)) ELSE observed_at END
            AS quote_at,
        q.best_bid,
        q.best_ask,
        q.best_ask - q.best_bid AS spread,
        q.last_price,
        q.liquidity_usd,
        coalesce(q.volume, q.volume_usd) AS volume,
        coalesce(q.volume_24h, q.volume_24h_usd) AS venue_volume_24h,
        CASE WHEN q.volume_24h IS NOT NULL THEN 'contracts' WHEN q.volume_24h_usd IS NOT NULL THEN 'USD' END
            AS venue_volume_24h_unit,
        coalesce(q.open_interest, q.open_interest_usd) AS open_interest,
        CASE WHEN q.open_interest IS NOT NULL THEN 'contracts' WHEN q.open_interest_usd IS NOT NULL THEN 'USD' END
            AS open_interest_unit
    FROM polled q
    JOIN newest USING (instrument_id, observed_at)
    LEFT JOIN served s USING (instrument_id)
),

-- Contradicting sources give no payout: two payouts, or a payout and a proposal.
payouts AS (
    SELECT
        instrument_id,
        CASE WHEN NOT is_contested(source, status, payout_0, observed_at)
            THEN min(payout_0) FILTER (WHERE status = 'settled') END AS payout_0,
        is_contested(source, status, payout_0, observed_at) AS payouts_disagree,
        bool_or(was_disputed) AS was_disputed
    FROM core.resolutions
    GROUP BY instrument_id
),

titles AS (
    SELECT venue, concat_ws(chr(31), title, sub_title) AS both_titles
    FROM core.instruments
    WHERE title IS NOT NULL
    GROUP BY ALL
    HAVING count(*) > 1
),

-- Unread rows of trades on the days of the volumes; NULL: may belong to any instrument.
unread AS (
    SELECT DISTINCT venue, instrument_id
    FROM core.unread_rows
    WHERE table_name = 'core.trades' AND date BETWEEN utc_day($now) - 7 AND utc_day($now)
),

completeness AS (
    SELECT
        instrument_id,
        max(complete_from) FILTER (WHERE table_name = 'core.trades') AS trades_complete_from,
        max(complete_to) FILTER (WHERE table_name = 'core.trades') AS trades_complete_to,
        max(complete_from) FILTER (WHERE table_name = 'core.daily_prices') AS prices_complete_from
    FROM core.instrument_completeness
    GROUP BY instrument_id
),

-- volume_to_at: after the end of trading there is nothing more to read. A crossed quote, or one from after the end,
-- gives no price.
joined AS (
    SELECT
        i.venue,
        i.instrument_id,
        i.native_id,
        i.event_id,
        coalesce(i.series_id, e.series_id) AS series_id,
        i.title,
        coalesce(n.display_name, i.title, i.native_id) AS display_name,
        coalesce(n.outcome_0_name, 'Outcome 0') AS outcome_0_name,
        coalesce(k.category, 'Other') AS category,
        coalesce(k.category_source, 'none') AS category_source,
        i.status,
        i.is_combo,
        i.is_disputed OR coalesce(r.was_disputed, false) AS is_disputed,
        i.opens_at,
        coalesce(i.closes_at, e.ends_at) AS ends_at,
        CASE WHEN i.closes_at IS NOT NULL THEN 'closes_at' WHEN e.ends_at IS NOT NULL THEN 'event' END AS ends_at_source,
        i.trading_ended_at,
        d.both_titles IS NOT NULL AS is_duplicate_title,
        coalesce(contains(i.external_ref, '"served_tokens":'), false) AS is_reordered,
        p.* EXCLUDE (instrument_id),
        v.* EXCLUDE (instrument_id),
        q.* EXCLUDE (instrument_id),
        CASE WHEN q.spread >= 0 AND (i.trading_ended_at IS NULL OR q.quote_at <= i.trading_ended_at)
            THEN CAST((q.best_bid + q.best_ask) * 0.5 AS DECIMAL(9, 6)) END AS quote_mid,
        r.payout_0,
        coalesce(r.payouts_disagree, false) AS payouts_disagree,
        c.trades_complete_from,
        c.prices_complete_from,
        u.instrument_id IS NOT NULL
        OR i.venue IN (SELECT venue FROM unread WHERE instrument_id IS NULL) AS has_unread_rows,
        CASE
            WHEN c.trades_complete_to >= i.trading_ended_at THEN $now
            WHEN c.trades_complete_to IS NOT NULL THEN least(c.trades_complete_to, $now)
        END AS volume_to_at
    FROM core.instruments i
    LEFT JOIN core.events e ON e.event_id = i.event_id
    LEFT JOIN core.ticker_categories k ON k.instrument_id = i.instrument_id
    LEFT JOIN core.display_names n ON n.instrument_id = i.instrument_id
    LEFT JOIN titles d ON d.venue = i.venue AND i.title IS NOT NULL AND d.both_titles = concat_ws(chr(31), i.title, i.sub_title)
    LEFT JOIN prices p ON p.instrument_id = i.instrument_id
    LEFT JOIN volumes v ON v.instrument_id = i.instrument_id
    LEFT JOIN quotes q ON q.instrument_id = i.instrument_id
    LEFT JOIN payouts r ON r.instrument_id = i.instrument_id
    LEFT JOIN completeness c ON c.instrument_id = i.instrument_id
    LEFT JOIN unread u ON u.instrument_id = i.instrument_id
),

judged AS (
    SELECT
        *,
        coalesce(price, quote_mid, last_price) AS latest_price,
        coalesce(
            price_source,
            CASE WHEN quote_mid IS NOT NULL THEN 'quote_mid' WHEN last_price IS NOT NULL THEN 'last_price' END
        ) AS source,
        coalesce(price_at, CASE WHEN quote_mid IS NOT NULL OR last_price IS NOT NULL THEN quote_at END) AS latest_at,
        contracts_24h IS NOT NULL OR coalesce(volume_to_at > $now - INTERVAL 24 HOUR, false) AS is_read_24h,
        contracts_7d IS NOT NULL OR coalesce(volume_to_at > $now - INTERVAL 168 HOUR, false) AS is_read_7d,
        coalesce(volume_to_at >= $now - INTERVAL 1 HOUR, false) AS is_read_now,
        trading_ended_at IS NULL AND status = 'active' AS is_trading
    FROM joined
)

SELECT
    venue,
    instrument_id,
    native_id,
    event_id,
    series_id,
    title,
    display_name,
    category,
    category_source,
    status,
    is_combo,
    latest_price,
    CASE WHEN latest_price IS NOT NULL THEN outcome_0_name END AS priced_outcome,
    source AS price_source,
    latest_at AS price_at,
    price - price_1d AS change_1d,
    price - price_7d AS change_7d,
    price - price_30d AS change_30d,
    CASE WHEN is_read_24h THEN fits(coalesce(contracts_24h, 0)) END AS volume_24h,
    CASE WHEN is_read_24h THEN fits(coalesce(usd_24h, 0)) END AS taker_notional_24h_usd,
    is_read_now
    AND coalesce(is_strong_24h, true)
    AND volume_24h IS NOT NULL
    AND taker_notional_24h_usd IS NOT NULL
    AND coalesce(trades_complete_from <= greatest($now - INTERVAL 24 HOUR, opens_at), false) AS volume_24h_is_complete,
    CASE WHEN is_read_7d THEN fits(coalesce(contracts_7d, 0)) END AS volume_7d,
    CASE WHEN is_read_7d THEN fits(coalesce(usd_7d, 0)) END AS taker_notional_7d_usd,
    is_read_now
    AND coalesce(is_strong_7d, true)
    AND volume_7d IS NOT NULL
    AND taker_notional_7d_usd IS NOT NULL
    AND coalesce(trades_complete_from <= greatest($now - INTERVAL 168 HOUR, opens_at), false) AS volume_7d_is_complete,
    volume_to_at,
    venue_volume_24h,
    venue_volume_24h_unit,
    open_interest,
    open_interest_unit,
    liquidity_usd,
    best_bid,
    best_ask,
    spread,
    quote_at,
    ends_at,
    ends_at_source,
    trading_ended_at,
    payout_0,
    trades_complete_from,
    prices_complete_from,
    [flag FOR flag IN [
        CASE WHEN NOT is_read_7d THEN 'no_trades_read' END,
        CASE WHEN has_unread_rows THEN 'unread_rows' END,
        CASE WHEN latest_price IS NULL THEN 'no_price' END,
        CASE WHEN is_trading AND latest_at < $now - INTERVAL 24 HOUR THEN 'stale_price' END,
        CASE WHEN is_trading AND best_bid IS NULL AND best_ask IS NULL THEN 'no_quote' END,
        CASE WHEN is_trading AND (best_bid IS NULL) <> (best_ask IS NULL) THEN 'one_sided_quote' END,
        CASE WHEN spread < 0 THEN 'crossed_quote' END,
        CASE WHEN is_trading AND spread > 0.10 THEN 'wide_spread' END,
        CASE
            WHEN volume = 0 AND contracts_7d IS NULL AND last_price IS NULL AND coalesce(price_source, 'mid_sample') = 'mid_sample'
                THEN 'never_traded'
        END,
        CASE WHEN is_disputed THEN 'disputed' END,
        CASE WHEN payouts_disagree THEN 'payouts_disagree' END,
        CASE WHEN is_reordered THEN 'outcomes_reordered' END,
        CASE WHEN status = 'settled' AND payout_0 IS NULL AND NOT payouts_disagree THEN 'settled_without_payout' END,
        CASE WHEN category_source = 'none' THEN 'category_unknown' END,
        CASE WHEN is_duplicate_title THEN 'duplicate_title' END
    ] IF flag IS NOT NULL] AS quality_flags,
    len(quality_flags) = 0 AS is_clean,
    $now AS as_of_at
FROM judged
