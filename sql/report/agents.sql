-- about: agents of a code in a month
-- grain: agent
-- inputs: mart.agent_report
SELECT agent_id AS agent, volume_usd, volume_share, contracts, matches, legs, wallets, fee_usd, builder_fee_usd
FROM mart.agent_report
WHERE range = 'month' AND range_start = $month AND builder_code = $code
ORDER BY volume_usd DESC NULLS LAST, agent_id
