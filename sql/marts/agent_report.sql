-- about: volume and fees of the configured builder codes by agent, per UTC day, week, month and in total
-- creates: mart.agent_report
-- grain: builder code, range, range_start, agent
-- partition: none
-- inputs: core.builder_legs, core.agents
-- lookups: core.fills
-- The owner of an order decides before its wallet: several agents may share a wallet. Legs of neither belong to the
-- agent unassigned. Volume counts as in mart.builder_report. Without agents there are no rows.
WITH ranges AS (
    SELECT unnest(['day', 'week', 'month', 'all']) AS range
),

assigned AS (
    SELECT l.*, coalesce(o.agent_id, w.agent_id, 'unassigned') AS agent_id
    FROM core.builder_legs l
    LEFT JOIN core.fills f USING (fill_id)
    LEFT JOIN core.agents o ON o.kind = 'owner' AND o.id = lower(f.owner)
    LEFT JOIN core.agents w ON w.kind = 'wallet' AND w.id = l.wallet
    WHERE l.state = 'settled' AND EXISTS (SELECT 1 FROM core.agents)
),

legs AS (
    SELECT
        a.* EXCLUDE (builder_code, contracts, volume_usd, all_contracts, all_volume_usd),
        unnest([
            {'builder_code': a.builder_code, 'contracts': a.contracts, 'volume_usd': a.volume_usd},
            {'builder_code': 'all_codes', 'contracts': a.all_contracts, 'volume_usd': a.all_volume_usd}
        ], recursive := true)
    FROM assigned a
),

sums AS (
    SELECT
        l.venue,
        l.builder_code,
        r.range,
        coalesce(range_begin(r.range, l.date, $week_start), DATE '1970-01-01') AS range_start,
        l.agent_id,
        sum(l.volume_usd) AS volume,
        sum(l.contracts) AS contracts,
        count(DISTINCT l.match_id) AS matches,
        count(*) AS legs,
        count(DISTINCT l.wallet) AS wallets,
        sum_of_all(l.fee_usd) AS fee_usd,
        sum_of_all(l.builder_fee_usd) AS builder_fee_usd
    FROM legs l
    CROSS JOIN ranges r
    GROUP BY ALL
)

SELECT
    venue,
    builder_code,
    range,
    range_start,
    agent_id,
    fits(volume) AS volume_usd,
    volume::DOUBLE / nullif(sum(volume) OVER (PARTITION BY venue, builder_code, range, range_start), 0)::DOUBLE AS volume_share,
    fits(contracts) AS contracts,
    matches,
    legs,
    wallets,
    fits(fee_usd) AS fee_usd,
    fits(builder_fee_usd) AS builder_fee_usd
FROM sums
