-- about: venue fees and builder fees of the configured builder codes, per UTC day, week, month and in total
-- creates: mart.builder_revenue
-- grain: builder code, range, range_start
-- partition: none
-- inputs: core.builder_legs, mart.builder_volume
-- Fees are sums over all final legs of makers and takers; a sum with an unknown term is unknown. A sum that fits no
-- column is NULL, and its range is not complete.
WITH legs AS (
    SELECT
        venue,
        unnest([builder_code, 'all_codes']) AS builder_code,
        date,
        fee_usd,
        fee_source,
        builder_fee_usd
    FROM core.builder_legs
    WHERE venue_has_builder_trades(venue) AND state = 'settled'
),

ranged AS (
    SELECT
        l.*,
        r.range,
        CASE WHEN r.range = 'all' THEN DATE '1970-01-01' ELSE CAST(date_trunc(r.range, l.date) AS DATE) END AS range_start
    FROM legs l
    CROSS JOIN (SELECT unnest(['day', 'week', 'month', 'all']) AS range) r
),

sums AS (
    SELECT
        venue,
        builder_code,
        range,
        range_start,
        coalesce(sum(fee_usd) FILTER (WHERE fee_source = 'reported'), 0) AS reported_fee_usd,
        coalesce(sum(fee_usd) FILTER (WHERE fee_source = 'estimated'), 0) AS estimated_fee_usd,
        count(*) FILTER (WHERE fee_source = 'reported') AS reported_legs,
        count(*) FILTER (WHERE fee_source = 'estimated') AS estimated_legs,
        count(*) FILTER (WHERE fee_source = 'unknown') AS unknown_legs,
        coalesce(sum(builder_fee_usd), 0) AS served_usd,
        count(*) FILTER (WHERE builder_fee_usd IS NULL) AS unserved_builder_fee_legs
    FROM ranged
    GROUP BY venue, builder_code, range, range_start
),

figures AS (
    SELECT
        v.builder_scope,
        v.venue,
        v.builder_code,
        v.range,
        v.range_start,
        v.volume_usd,
        v.users,
        v.is_complete,
        v.reason,
        s.unknown_legs IS NOT NULL
        AND (
            fits(s.reported_fee_usd) IS NULL
            OR fits(s.estimated_fee_usd) IS NULL
            OR fits(s.reported_fee_usd + s.estimated_fee_usd) IS NULL
            OR fits(s.served_usd) IS NULL
        ) AS is_too_large,
        CASE WHEN s.unknown_legs > 0 THEN NULL ELSE fits(coalesce(s.reported_fee_usd + s.estimated_fee_usd, 0)) END AS fee_usd,
        CASE
            WHEN s.unknown_legs > 0 THEN 'unknown'
            WHEN s.estimated_legs > 0 THEN 'estimated'
            WHEN s.reported_legs > 0 THEN 'reported'
        END AS fee_source,
        fits(coalesce(s.reported_fee_usd, 0)) AS reported_fee_usd,
        fits(coalesce(s.estimated_fee_usd, 0)) AS estimated_fee_usd,
        coalesce(s.reported_legs, 0) AS reported_legs,
        coalesce(s.estimated_legs, 0) AS estimated_legs,
        coalesce(s.unknown_legs, 0) AS unknown_legs,
        CASE WHEN s.unserved_builder_fee_legs > 0 THEN NULL ELSE fits(coalesce(s.served_usd, 0)) END AS builder_fee_usd,
        fits(coalesce(s.served_usd, 0)) AS served_builder_fee_usd,
        coalesce(s.unserved_builder_fee_legs, 0) AS unserved_builder_fee_legs
    FROM mart.builder_volume v
    LEFT JOIN sums s
        ON v.venue = s.venue
        AND v.builder_code = s.builder_code
        AND v.range = s.range
        AND v.range_start = s.range_start
    WHERE v.legs IS NOT NULL
)

SELECT
    * EXCLUDE (is_too_large)
        REPLACE (
            is_complete AND NOT is_too_large AS is_complete,
            coalesce(reason, CASE WHEN is_too_large THEN too_large_reason() END) AS reason
        ),
    CASE WHEN fee_usd >= 0 AND builder_fee_usd >= 0 THEN
        builder_fee_usd::DOUBLE / nullif(fee_usd::DECIMAL(19, 6) + builder_fee_usd, 0)::DOUBLE
    END AS revenue_share,
    10000 * builder_fee_usd::DOUBLE / nullif(volume_usd, 0)::DOUBLE AS revenue_bps,
    builder_fee_usd::DOUBLE / nullif(users, 0) AS arpu_usd
FROM figures
UNION ALL BY NAME
SELECT builder_scope, venue, builder_code, range, range_start, is_complete, reason
FROM mart.builder_volume
WHERE legs IS NULL
