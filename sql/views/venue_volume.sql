-- about: traded volume per venue and UTC day, for the scope that was read
-- creates: mart.venue_volume
-- grain: venue, date
-- inputs: mart.trade_volume, core.coverage_daily, core.unread_rows
-- column contracts: sum over mart.trade_volume: each trade counts once, from one source; NULL if one of its terms is NULL
-- column scope: the trades that the row covers: venue is every trade that the venue publishes; within_bounds is the trades of instruments within the configured bounds, without combos, whose trades are not read; trades of combos that are stored anyway count, and then the row is not complete
-- column covered_share: contracts of the scope / contracts of the venue: 1 for the whole venue; NULL if the venue publishes no total to compare with
-- column is_complete: every trade of the scope and day was read; trades outside the scope do not matter
-- column unread_rows: rows of the day that could not be read
-- column incomplete_reason: why is_complete is false
-- column venue: name of the venue
-- column date: UTC day
-- column taker_notional_usd: price x size of the traded outcome, summed; NULL if one of its terms is NULL [USD]
-- column trades: number of trades
-- column instruments: number of instruments that traded
-- A feed that was read whole has every trade, including those of unknown instruments (combos).
WITH volumes AS (
    SELECT
        venue,
        date,
        sum_of_all(contracts) AS contracts,
        sum_of_all(taker_notional_usd) AS taker_notional_usd,
        as_whole(sum(trades)) AS trades,
        count(*) AS instruments,
        count(*) FILTER (WHERE NOT is_complete) AS not_complete,
        count(*) FILTER (WHERE identity <> 'strong') AS imported
    FROM mart.trade_volume
    GROUP BY venue, date
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

lost AS (
    SELECT venue, date, as_whole(sum(unread_rows)) AS unread_rows
    FROM core.unread_rows
    WHERE table_name = 'core.trades'
    GROUP BY venue, date
),

judged AS (
    SELECT
        v.* EXCLUDE (not_complete, imported),
        CASE WHEN coalesce(w.is_whole, false) THEN v.imported ELSE v.not_complete END AS open_instruments,
        CASE WHEN coalesce(w.is_whole, false) THEN 'venue' ELSE 'within_bounds' END AS scope,
        coalesce(w.is_walked, false) AS is_walked,
        v.contracts IS NOT NULL AND v.taker_notional_usd IS NOT NULL AS is_known,
        coalesce(l.unread_rows, 0) AS unread_rows
    FROM volumes v
    LEFT JOIN walked w USING (venue, date)
    LEFT JOIN lost l USING (venue, date)
)

SELECT
    venue,
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
ORDER BY venue, date
