-- about: volume, users and concentration of the configured builder codes, per UTC day, week, month and in total
-- creates: mart.builder_volume
-- grain: builder code, range, range_start
-- partition: none
-- inputs: core.builder_legs, core.coverage, core.unread_rows
-- The feed of a code has its fills of every instrument, inside and outside the configured bounds of listings. A range
-- that was read without any fill has zeros; a range that was never read has NULLs. A total that fits no column is NULL,
-- and its range is not complete. A venue whose trades name no builder has a row with that reason.
WITH configured AS (
    SELECT DISTINCT lower(unnest(CAST($builder_codes AS VARCHAR[]))) AS code
),

codes AS (
    SELECT unnest(venues_with('has_builder_trades')) AS venue, code FROM configured
),

scopes AS (
    SELECT venue, code AS builder_code, code FROM codes
    UNION ALL
    SELECT venue, 'all_codes' AS builder_code, code FROM codes
),

ranges AS (
    SELECT unnest(['day', 'week', 'month', 'all']) AS range
),

reads AS (
    SELECT venue, lower(scope) AS code, from_at AT TIME ZONE 'UTC' AS from_at, to_at AT TIME ZONE 'UTC' AS to_at, state
    FROM core.coverage
    WHERE table_name = 'core.fills'
),

read_days AS (
    SELECT
        venue,
        code,
        CAST(day AS DATE) AS date,
        CASE WHEN state = 'complete' THEN minutes ELSE 0 END AS complete_minutes,
        CASE WHEN state <> 'unavailable' THEN minutes ELSE 0 END AS minutes
    FROM (
        SELECT *, epoch(least(to_at, day + INTERVAL 1 DAY) - greatest(from_at, day)) / 60 AS minutes
        FROM (
            SELECT
                *,
                unnest(generate_series(date_trunc('day', from_at), to_at - INTERVAL 1 MICROSECOND, INTERVAL 1 DAY)) AS day
            FROM reads
        )
    )
),

days AS (
    SELECT venue, code, date, complete_minutes, minutes, 0 AS unread_rows FROM read_days
    UNION ALL
    SELECT DISTINCT venue, builder_code AS code, date, 0, 0, 0 FROM core.builder_legs
    UNION ALL
    -- Gaps between the intervals that were read.
    SELECT venue, code, unnest(generate_series(date, next_date, INTERVAL 1 DAY))::DATE AS date, 0, 0, 0
    FROM (SELECT venue, code, date, lead(date) OVER (PARTITION BY venue, code ORDER BY date) AS next_date FROM read_days)
    WHERE next_date - date <= longest_hole_days()
    UNION ALL
    -- A row without a readable code may belong to any code.
    SELECT c.venue, c.code, u.date, 0, 0, u.unread_rows
    FROM codes c
    JOIN core.unread_rows u ON u.venue = c.venue AND (u.scope IS NULL OR lower(u.scope) = c.code)
    WHERE u.table_name = 'core.fills'
),

spans AS (
    SELECT venue, code, epoch(max(to_at) - min(from_at)) / 60 AS span_minutes FROM reads GROUP BY venue, code
),

covered AS (
    SELECT
        c.venue,
        c.code,
        r.range,
        CASE WHEN r.range = 'all' THEN DATE '1970-01-01' ELSE CAST(date_trunc(r.range, d.date) AS DATE) END AS range_start,
        coalesce(sum(d.minutes), 0) AS minutes,
        coalesce(sum(d.complete_minutes), 0) AS complete_minutes,
        coalesce(sum(d.unread_rows), 0) AS unread_rows,
        CASE r.range
            WHEN 'day' THEN 1440
            WHEN 'week' THEN 7 * 1440
            WHEN 'month' THEN 1440 * day(last_day(range_start))
            ELSE coalesce(any_value(s.span_minutes), 0)
        END AS wanted_minutes
    FROM codes c
    CROSS JOIN ranges r
    LEFT JOIN days d USING (venue, code)
    LEFT JOIN spans s USING (venue, code)
    WHERE d.date IS NOT NULL OR r.range = 'all'
    GROUP BY c.venue, c.code, r.range, range_start
),

frame AS (
    SELECT
        s.venue,
        s.builder_code,
        c.range,
        c.range_start,
        sum(c.minutes) > 0 AS is_read,
        count(*) FILTER (
            WHERE c.complete_minutes > c.wanted_minutes - 0.001 AND c.complete_minutes > 0 AND c.unread_rows = 0
        ) AS complete_codes,
        as_whole(sum(c.unread_rows)) AS unread_rows,
        CASE WHEN s.builder_code = 'all_codes' THEN (SELECT count(*) FROM configured) ELSE 1 END AS wanted_codes,
        sum(c.complete_minutes) AS complete_minutes,
        sum(c.wanted_minutes) AS wanted_minutes
    FROM scopes s
    JOIN covered c USING (venue, code)
    GROUP BY s.venue, s.builder_code, c.range, c.range_start
),

legs AS (
    SELECT
        s.venue,
        s.builder_code,
        r.range,
        CASE WHEN r.range = 'all' THEN DATE '1970-01-01' ELSE CAST(date_trunc(r.range, l.date) AS DATE) END AS range_start,
        l.date,
        l.match_id,
        l.role,
        l.wallet,
        l.state,
        CASE WHEN s.builder_code = 'all_codes' THEN l.all_contracts ELSE l.contracts END AS contracts,
        CASE WHEN s.builder_code = 'all_codes' THEN l.all_volume_usd ELSE l.volume_usd END AS volume_usd
    FROM scopes s
    JOIN core.builder_legs l ON l.venue = s.venue AND l.builder_code = s.code
    CROSS JOIN ranges r
),

volumes AS (
    SELECT
        venue,
        builder_code,
        range,
        range_start,
        coalesce(sum(volume_usd) FILTER (WHERE state = 'settled'), 0) AS volume_usd,
        coalesce(sum(contracts) FILTER (WHERE state = 'settled'), 0) AS contracts,
        coalesce(sum(volume_usd) FILTER (WHERE state = 'settled' AND role = 'taker'), 0) AS taker_volume_usd,
        coalesce(sum(volume_usd) FILTER (WHERE state = 'settled' AND role <> 'taker'), 0) AS maker_volume_usd,
        count(DISTINCT match_id) FILTER (WHERE state = 'settled') AS matches,
        count(*) FILTER (WHERE state = 'settled') AS legs,
        count(*) FILTER (WHERE state = 'settled' AND role = 'taker') AS taker_legs,
        count(*) FILTER (WHERE state = 'settled' AND role <> 'taker') AS maker_legs,
        count(*) FILTER (WHERE state = 'open') AS open_legs,
        coalesce(sum(volume_usd) FILTER (WHERE state = 'open'), 0) AS open_volume_usd,
        count(*) FILTER (WHERE state = 'excluded') AS excluded_legs
    FROM legs
    GROUP BY venue, builder_code, range, range_start
),

wallets AS (
    SELECT
        venue,
        builder_code,
        range,
        range_start,
        wallet,
        sum(volume_usd) AS volume_usd,
        min(date) = min(min(date)) OVER (PARTITION BY venue, builder_code, wallet) AS is_new,
        row_number() OVER (
            PARTITION BY venue, builder_code, range, range_start ORDER BY sum(volume_usd) DESC, wallet
        ) AS place
    FROM legs
    WHERE state = 'settled' AND wallet IS NOT NULL
    GROUP BY venue, builder_code, range, range_start, wallet
),

users AS (
    SELECT
        venue,
        builder_code,
        range,
        range_start,
        count(*) AS users,
        count(*) FILTER (WHERE is_new) AS new_users,
        sum(volume_usd) FILTER (WHERE place <= 1) AS top_1_usd,
        sum(volume_usd) FILTER (WHERE place <= 10) AS top_10_usd,
        sum(volume_usd) FILTER (WHERE place <= 100) AS top_100_usd
    FROM wallets
    GROUP BY venue, builder_code, range, range_start
),

figures AS (
    SELECT
        f.*,
        v.* EXCLUDE (venue, builder_code, range, range_start),
        u.users,
        u.new_users,
        u.top_1_usd::DOUBLE / nullif(fits(v.volume_usd), 0)::DOUBLE AS top_1_share,
        u.top_10_usd::DOUBLE / nullif(fits(v.volume_usd), 0)::DOUBLE AS top_10_share,
        u.top_100_usd::DOUBLE / nullif(fits(v.volume_usd), 0)::DOUBLE AS top_100_share,
        f.is_read OR v.legs IS NOT NULL AS is_known,
        v.legs IS NOT NULL
        AND (
            fits(v.volume_usd) IS NULL
            OR fits(v.contracts) IS NULL
            OR fits(v.taker_volume_usd) IS NULL
            OR fits(v.maker_volume_usd) IS NULL
            OR fits(v.open_volume_usd) IS NULL
        ) AS is_too_large,
        f.complete_codes = f.wanted_codes AND NOT is_too_large AS is_complete
    FROM frame f
    LEFT JOIN volumes v USING (venue, builder_code, range, range_start)
    LEFT JOIN users u USING (venue, builder_code, range, range_start)
)

SELECT
    'configured' AS builder_scope,
    venue,
    builder_code,
    range,
    range_start,
    CASE WHEN is_known THEN fits(coalesce(volume_usd, 0)) END AS volume_usd,
    CASE WHEN is_known THEN fits(coalesce(contracts, 0)) END AS contracts,
    CASE WHEN is_known THEN fits(coalesce(taker_volume_usd, 0)) END AS taker_volume_usd,
    CASE WHEN is_known THEN fits(coalesce(maker_volume_usd, 0)) END AS maker_volume_usd,
    CASE WHEN is_known THEN coalesce(matches, 0) END AS matches,
    CASE WHEN is_known THEN coalesce(legs, 0) END AS legs,
    CASE WHEN is_known THEN coalesce(taker_legs, 0) END AS taker_legs,
    CASE WHEN is_known THEN coalesce(maker_legs, 0) END AS maker_legs,
    CASE WHEN is_known THEN coalesce(open_legs, 0) END AS open_legs,
    CASE WHEN is_known THEN fits(coalesce(open_volume_usd, 0)) END AS open_volume_usd,
    CASE WHEN is_known THEN coalesce(excluded_legs, 0) END AS excluded_legs,
    CASE WHEN is_known THEN coalesce(users, 0) END AS users,
    CASE WHEN is_known THEN coalesce(new_users, 0) END AS new_users,
    top_1_share,
    top_10_share,
    top_100_share,
    is_complete,
    CASE
        WHEN is_complete THEN NULL
        WHEN wanted_minutes = 0 OR NOT is_read THEN 'never read'
        WHEN unread_rows > 0 THEN unread_reason(unread_rows)
        WHEN is_too_large THEN too_large_reason()
        WHEN wanted_codes > 1 THEN complete_codes || ' of ' || wanted_codes || ' codes were read completely'
        ELSE floor(complete_minutes)::BIGINT || ' of ' || ceil(wanted_minutes)::BIGINT || ' minutes were read completely'
    END AS reason
FROM figures
UNION ALL BY NAME
SELECT DISTINCT
    'configured' AS builder_scope,
    venue,
    unnest([code, 'all_codes']) AS builder_code,
    'all' AS range,
    DATE '1970-01-01' AS range_start,
    false AS is_complete,
    venue_title(venue) || ' has no builder field: attribution needs a ledger of own orders' AS reason
FROM (SELECT unnest(venues_without('has_builder_trades')) AS venue, code FROM configured)
