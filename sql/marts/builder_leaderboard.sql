-- about: ranks of the configured builder codes by our fills, and of all builders in the venue's own ranking
-- creates: mart.builder_leaderboard
-- grain: builder_scope, builder code, range, range_start
-- partition: none
-- inputs: mart.builder_volume, mart.builder_revenue, core.builder_leaderboard
-- A volume that fits no column is larger than all others and has no rank. The venue ranks by shares and does not
-- publish the begin of its ranges: the last ranking within each of our ranges is kept.
WITH rankings AS (
    SELECT
        *,
        CASE WHEN range = 'all' THEN DATE '1970-01-01' ELSE CAST(date_trunc(range, date) AS DATE) END AS range_start
    FROM core.builder_leaderboard
    QUALIFY observed_at = max(observed_at) OVER (PARTITION BY venue, range, range_start)
),

names AS (
    SELECT venue, builder_code, arg_max(builder_name, observed_at) AS builder_name
    FROM core.builder_leaderboard
    GROUP BY venue, builder_code
),

ranked AS (
    SELECT venue, range, range_start, sum_of_all(contracts) AS contracts
    FROM rankings
    GROUP BY venue, range, range_start
),

configured AS (
    SELECT v.*, r.builder_fee_usd
    FROM mart.builder_volume v
    JOIN mart.builder_revenue r USING (builder_scope, venue, builder_code, range, range_start)
    WHERE v.legs IS NOT NULL
),

totals AS (
    SELECT venue, range, range_start, contracts, builder_fee_usd FROM configured WHERE builder_code = 'all_codes'
)

SELECT
    c.builder_scope,
    c.venue,
    c.builder_code,
    c.range,
    c.range_start,
    n.builder_name,
    CASE WHEN c.volume_usd IS NOT NULL THEN
        rank() OVER (PARTITION BY c.venue, c.range, c.range_start ORDER BY c.volume_usd DESC NULLS FIRST)
    END AS rank,
    true AS is_configured,
    c.contracts,
    c.volume_usd,
    c.builder_fee_usd,
    c.users,
    c.contracts::DOUBLE / nullif(t.contracts, 0)::DOUBLE AS volume_share,
    c.builder_fee_usd::DOUBLE / nullif(t.builder_fee_usd, 0)::DOUBLE AS revenue_share,
    c.is_complete
FROM configured c
JOIN totals t USING (venue, range, range_start)
LEFT JOIN names n USING (venue, builder_code)
WHERE c.builder_code <> 'all_codes'
UNION ALL BY NAME
SELECT
    'venue_leaderboard' AS builder_scope,
    venue,
    builder_code,
    range,
    range_start,
    builder_name,
    rank,
    builder_code IN (SELECT lower(unnest(CAST($builder_codes AS VARCHAR[])))) AS is_configured,
    r.contracts,
    r.active_users AS users,
    r.contracts::DOUBLE / nullif(a.contracts, 0)::DOUBLE AS volume_share,
    r.is_verified,
    r.observed_at
FROM rankings r
JOIN ranked a USING (venue, range, range_start)
