-- about: all rows of agents of a month: the month, its days, and the weeks that overlap it
-- grain: builder code, range, range_start, agent
-- inputs: mart.agent_report
SELECT *
FROM mart.agent_report
WHERE
    range <> 'all'
    AND range_start < CAST($month AS DATE) + INTERVAL 1 MONTH
    AND range_start + CASE range WHEN 'week' THEN 6 ELSE 0 END >= CAST($month AS DATE)
ORDER BY builder_code = 'all_codes', builder_code, range = 'day', range = 'week', range_start, agent_id
