-- about: volume, users, fees and rates of the configured builder codes per UTC day, week and month, in total and by part
-- creates: mart.builder_report
-- grain: builder code, range, range_start, dimension, part
-- partition: none
-- inputs: core.builder_legs, mart.builder_volume, core.ticker_categories, core.builder_statements
-- Each match counts once, as in mart.builder_volume; days that were read completely come from there. Weeks begin on
-- $week_start. A month that was marked final has the rows of its latest statement, whatever is read later; the growth
-- and retention of other rows are computed from current legs. Growth compares ranges that were read completely.
WITH ranges AS (
    SELECT unnest(['day', 'week', 'month']) AS range
),

frame AS (
    SELECT
        v.venue,
        v.builder_code,
        r.range,
        range_begin(r.range, v.range_start, $week_start) AS begins_on,
        bool_or(v.legs IS NOT NULL) AS is_known,
        count(*) FILTER (v.is_complete) AS complete_days,
        range_end(r.range, begins_on) - begins_on AS days,
        arg_min(v.range_start || ': ' || v.reason, v.range_start) FILTER (v.reason IS NOT NULL) AS first_reason
    FROM mart.builder_volume v
    CROSS JOIN ranges r
    WHERE v.range = 'day'
    GROUP BY v.venue, v.builder_code, r.range, begins_on
),

legs AS (
    SELECT
        l.* EXCLUDE (builder_code, contracts, volume_usd, all_contracts, all_volume_usd),
        coalesce(c.category, 'Other') AS category,
        unnest([
            {'builder_code': l.builder_code, 'contracts': l.contracts, 'volume_usd': l.volume_usd},
            {'builder_code': 'all_codes', 'contracts': l.all_contracts, 'volume_usd': l.all_volume_usd}
        ], recursive := true)
    FROM core.builder_legs l
    LEFT JOIN core.ticker_categories c USING (instrument_id)
    WHERE venue_has_builder_trades(l.venue)
),

parted AS (
    SELECT
        *,
        unnest([
            {'dimension': 'total', 'part': 'all'},
            {'dimension': 'category', 'part': category},
            {'dimension': 'instrument', 'part': instrument_id},
            {'dimension': 'side', 'part': coalesce(side, 'unknown')},
            {'dimension': 'role', 'part': role}
        ], recursive := true)
    FROM legs
),

ranged AS (
    SELECT p.*, r.range, range_begin(r.range, p.date, $week_start) AS begins_on
    FROM parted p
    CROSS JOIN ranges r
),

sums AS (
    SELECT
        venue,
        builder_code,
        range,
        begins_on,
        dimension,
        part,
        coalesce(sum(volume_usd) FILTER (state = 'settled'), 0) AS volume_usd,
        coalesce(sum(contracts) FILTER (state = 'settled'), 0) AS contracts,
        count(DISTINCT match_id) FILTER (state = 'settled') AS matches,
        count(*) FILTER (state = 'settled') AS legs,
        coalesce(sum(volume_usd) FILTER (state = 'open'), 0) AS open_volume_usd,
        coalesce(sum(fee_usd) FILTER (state = 'settled'), 0) AS fee_usd,
        count(*) FILTER (state = 'settled' AND fee_source = 'unknown') AS unknown_fees,
        count(*) FILTER (state = 'settled' AND fee_source = 'estimated') AS estimated_fees,
        coalesce(sum(builder_fee_usd) FILTER (state = 'settled'), 0) AS builder_fee_usd,
        count(*) FILTER (state = 'settled' AND builder_fee_usd IS NULL) AS unserved_fees,
        sum(builder_fee_usd) FILTER (state = 'settled' AND role = 'taker') AS taker_fees,
        sum(notional_usd) FILTER (state = 'settled' AND role = 'taker' AND builder_fee_usd IS NOT NULL) AS taker_notional,
        sum(builder_fee_usd) FILTER (state = 'settled' AND role <> 'taker') AS maker_fees,
        sum(notional_usd) FILTER (state = 'settled' AND role <> 'taker' AND builder_fee_usd IS NOT NULL) AS maker_notional
    FROM ranged
    GROUP BY ALL
),

wallets AS (
    SELECT DISTINCT venue, builder_code, range, begins_on, dimension, part, wallet
    FROM ranged
    WHERE state = 'settled' AND wallet IS NOT NULL
),

firsts AS (
    SELECT venue, builder_code, wallet, min(date) AS first_date
    FROM legs
    WHERE state = 'settled' AND wallet IS NOT NULL
    GROUP BY ALL
),

users AS (
    SELECT
        w.venue,
        w.builder_code,
        w.range,
        w.begins_on,
        w.dimension,
        w.part,
        count(*) AS users,
        count(*) FILTER (range_begin(w.range, f.first_date, $week_start) = w.begins_on) AS new_users,
        count(p.wallet) AS kept_users
    FROM wallets w
    JOIN firsts f USING (venue, builder_code, wallet)
    LEFT JOIN wallets p
        ON p.venue = w.venue
        AND p.builder_code = w.builder_code
        AND p.range = w.range
        AND p.begins_on = range_before(w.range, w.begins_on)
        AND p.dimension = w.dimension
        AND p.part = w.part
        AND p.wallet = w.wallet
    GROUP BY ALL
),

-- Rates are whole basis points of the notional. Stretches of days with one rate, per role.
day_rates AS (
    SELECT
        venue,
        builder_code,
        role,
        date,
        TRY_CAST(round(10000 * sum(builder_fee_usd)::DOUBLE / nullif(sum(notional_usd), 0)::DOUBLE) AS INTEGER) AS bps
    FROM core.builder_legs
    WHERE state = 'settled' AND builder_fee_usd IS NOT NULL
    GROUP BY ALL
),

stretches AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY venue, builder_code, role ORDER BY date)
        - row_number() OVER (PARTITION BY venue, builder_code, role, bps ORDER BY date) AS stretch
    FROM day_rates
    WHERE bps IS NOT NULL
),

rates AS (
    SELECT
        venue,
        builder_code,
        range,
        begins_on,
        list(role || ' ' || bps || ' bps from ' || first_date || ' to ' || last_date ORDER BY first_date, role) AS rate_history
    FROM (
        SELECT
            s.venue,
            s.builder_code,
            r.range,
            range_begin(r.range, s.date, $week_start) AS begins_on,
            s.role,
            s.bps,
            s.stretch,
            min(s.date) AS first_date,
            max(s.date) AS last_date
        FROM stretches s
        CROSS JOIN ranges r
        GROUP BY ALL
    )
    GROUP BY ALL
),

parts AS (
    SELECT venue, builder_code, range, begins_on, dimension, part FROM sums
    UNION
    SELECT venue, builder_code, range, begins_on, 'total' AS dimension, 'all' AS part FROM frame
),

figures AS (
    SELECT
        p.*,
        f.complete_days,
        f.days,
        f.first_reason,
        CASE WHEN f.is_known THEN fits(coalesce(s.volume_usd, 0)) END AS volume_usd,
        CASE WHEN f.is_known THEN fits(coalesce(s.contracts, 0)) END AS contracts,
        CASE WHEN f.is_known THEN coalesce(s.matches, 0) END AS matches,
        CASE WHEN f.is_known THEN coalesce(s.legs, 0) END AS legs,
        CASE WHEN f.is_known THEN fits(coalesce(s.open_volume_usd, 0)) END AS open_volume_usd,
        CASE WHEN f.is_known THEN coalesce(u.users, 0) END AS users,
        CASE WHEN f.is_known THEN coalesce(u.new_users, 0) END AS new_users,
        u.kept_users,
        CASE WHEN f.is_known AND coalesce(s.unknown_fees, 0) = 0 THEN fits(coalesce(s.fee_usd, 0)) END AS fee_usd,
        CASE
            WHEN s.unknown_fees > 0 THEN 'unknown'
            WHEN s.estimated_fees > 0 THEN 'estimated'
            WHEN s.legs > 0 THEN 'reported'
        END AS fee_source,
        CASE WHEN f.is_known AND coalesce(s.unserved_fees, 0) = 0 THEN fits(coalesce(s.builder_fee_usd, 0)) END
            AS builder_fee_usd,
        10000 * s.taker_fees::DOUBLE / nullif(s.taker_notional, 0)::DOUBLE AS taker_rate_bps,
        10000 * s.maker_fees::DOUBLE / nullif(s.maker_notional, 0)::DOUBLE AS maker_rate_bps
    FROM parts p
    JOIN frame f USING (venue, builder_code, range, begins_on)
    LEFT JOIN sums s USING (venue, builder_code, range, begins_on, dimension, part)
    LEFT JOIN users u USING (venue, builder_code, range, begins_on, dimension, part)
),

statements AS (
    SELECT *
    FROM core.builder_statements
    QUALIFY (final_at, statement_id) = max((final_at, statement_id)) OVER (PARTITION BY venue, builder_code, month)
)

SELECT
    f.venue,
    f.builder_code,
    f.range,
    f.begins_on AS range_start,
    f.dimension,
    f.part,
    f.volume_usd,
    f.volume_usd::DOUBLE / nullif(t.volume_usd, 0)::DOUBLE AS volume_share,
    f.contracts,
    f.matches,
    f.legs,
    f.open_volume_usd,
    CASE
        WHEN f.complete_days = f.days AND b.complete_days = b.days
            THEN f.volume_usd::DOUBLE / nullif(b.volume_usd, 0)::DOUBLE - 1
    END AS volume_growth,
    f.users,
    f.new_users,
    f.users - f.new_users AS returning_users,
    CASE WHEN b.users > 0 THEN coalesce(f.kept_users, 0)::DOUBLE / nullif(b.users, 0) END AS retention,
    f.fee_usd,
    f.fee_source,
    f.builder_fee_usd,
    f.builder_fee_usd::DOUBLE / nullif(f.users, 0) AS arpu_usd,
    f.taker_rate_bps,
    f.maker_rate_bps,
    CASE WHEN f.dimension = 'total' THEN r.rate_history END AS rate_history,
    f.complete_days::DOUBLE / nullif(f.days, 0) AS complete_share,
    f.complete_days = f.days AND f.volume_usd IS NOT NULL AND f.contracts IS NOT NULL AS is_complete,
    CASE
        WHEN f.complete_days < f.days THEN concat_ws(
            '; ', f.complete_days || ' of ' || f.days || ' days were read completely', f.first_reason
        )
        WHEN f.volume_usd IS NULL OR f.contracts IS NULL THEN too_large_reason()
    END AS incomplete_reason,
    false AS is_final,
    NULL AS final_at,
    NULL AS statement_id
FROM figures f
LEFT JOIN figures t
    ON t.venue = f.venue
    AND t.builder_code = f.builder_code
    AND t.range = f.range
    AND t.begins_on = f.begins_on
    AND t.dimension = 'total'
LEFT JOIN figures b
    ON b.venue = f.venue
    AND b.builder_code = f.builder_code
    AND b.range = f.range
    AND b.begins_on = range_before(f.range, f.begins_on)
    AND b.dimension = f.dimension
    AND b.part = f.part
LEFT JOIN rates r
    ON r.venue = f.venue AND r.builder_code = f.builder_code AND r.range = f.range AND r.begins_on = f.begins_on
ANTI JOIN statements x
    ON f.range = 'month' AND x.venue = f.venue AND x.builder_code = f.builder_code AND x.month = f.begins_on
UNION ALL BY NAME
SELECT * EXCLUDE (month, table_versions), month AS range_start, 'month' AS range, true AS is_final
FROM statements
