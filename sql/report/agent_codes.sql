-- about: codes with figures of agents in a month, all codes together last
-- grain: builder code
-- inputs: mart.agent_report
SELECT builder_code
FROM mart.agent_report
WHERE range = 'month' AND range_start = $month
GROUP BY builder_code
ORDER BY builder_code = 'all_codes', builder_code
