-- about: traded volume per venue, current category and UTC day, for the scope that was read
-- creates: mart.category_volume
-- grain: venue, category, date
-- inputs: mart.trade_volume, core.ticker_categories, core.coverage_daily, core.unread_rows
-- column contracts: sum over mart.trade_volume: each trade counts once, from one source; NULL if one of its terms is NULL
-- column scope: the instruments that the row covers, as in mart.venue_volume
-- column covered_share: as in mart.venue_volume: 1 for the whole venue; NULL if the venue publishes no total to compare with
-- column is_complete: every trade of the scope, category and day was read; trades outside the scope do not matter
-- column unread_rows: rows of the day that could not be read and may belong to the category
-- column incomplete_reason: why is_complete is false
-- column venue: name of the venue
-- column category: current category of the instruments
-- column date: UTC day
-- column taker_notional_usd: price x size of the traded outcome, summed; NULL if one of its terms is NULL [USD]
-- column trades: number of trades
-- column instruments: number of instruments that traded
-- An instrument has one category, so each trade counts once; prints of unknown instruments have the category Other.
-- A feed that was read whole has every trade, including those of unknown instruments (combos).
WITH volumes AS (
    SELECT
        v.venue,
        coalesce(c.category, 'Other') AS category,
        v.date,
        sum_of_all(v.contracts) AS contracts,
        sum_of_all(v.taker_notional_usd) AS taker_notional_usd,
        as_whole(sum(v.trades)) AS trades,
        count(*) AS instruments,
        count(*) FILTER (WHERE NOT v.is_complete) AS not_complete,
        count(*) FILTER (WHERE v.identity <> 'strong') AS imported
    FROM mart.trade_volume v
    LEFT JOIN core.ticker_categories c USING (instrument_id)
    GROUP BY ALL
),

walked AS (
    SELECT
        venue,
        date,
        bool_or(complete_minutes > 1439.999 AND scope = 'all') AS is_whole,
        bool_or(complete_minutes > 1439.999) AS is_walked
    FROM core.coverage_daily
    WHERE table_name = 'core.trades' AND scope IN ('all', 'configured')
    GROUP BY venue, date
),

-- Rows without a known instrument may belong to any category (NULL).
lost AS (
    SELECT
        u.venue,
        CASE WHEN u.instrument_id IS NOT NULL THEN coalesce(c.category, 'Other') END AS category,
        u.date,
        sum(u.unread_rows) AS unread_rows
    FROM core.unread_rows u
    LEFT JOIN core.ticker_categories c USING (instrument_id)
    WHERE u.table_name = 'core.trades'
    GROUP BY ALL
),

judged AS (
    SELECT
        v.* EXCLUDE (not_complete, imported),
        CASE WHEN coalesce(w.is_whole, false) THEN v.imported ELSE v.not_complete END AS open_instruments,
        CASE WHEN coalesce(w.is_whole, false) THEN 'venue' ELSE 'within_bounds' END AS scope,
        coalesce(w.is_walked, false) AS is_walked,
        v.contracts IS NOT NULL AND v.taker_notional_usd IS NOT NULL AS is_known,
        as_whole(coalesce(own.unread_rows, 0) + coalesce(anyone.unread_rows, 0)) AS unread_rows
    FROM volumes v
    LEFT JOIN walked w USING (venue, date)
    LEFT JOIN lost own ON v.venue = own.venue AND v.date = own.date AND v.category = own.category
    LEFT JOIN lost anyone ON v.venue = anyone.venue AND v.date = anyone.date AND anyone.category IS NULL
)

SELECT
    venue,
    category,
    date,
    contracts,
    taker_notional_usd,
    trades,
    instruments,
    scope,
    is_walked AND unread_rows = 0 AND open_instruments = 0 AND is_known AS is_complete,
    CASE WHEN scope = 'venue' AND is_walked AND unread_rows = 0 AND is_known THEN 1.0::DOUBLE END AS covered_share,
    unread_rows,
    CASE
        WHEN unread_rows > 0 THEN unread_reason(unread_rows)
        WHEN NOT is_walked THEN 'trades of the day were not read to its end'
        WHEN NOT is_known THEN too_large_reason()
        WHEN open_instruments > 0 THEN open_instruments || ' of ' || instruments || ' instruments are not complete'
    END AS incomplete_reason
FROM judged
ORDER BY venue, category, date
