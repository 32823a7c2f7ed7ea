-- about: trades stored on more than one day: a merge sees one partition at a time, this check sees all
-- grain: trade
-- inputs: core.trades
SELECT trade_id, count(*) AS copies, list_sort(list(DISTINCT date)) AS dates
FROM core.trades
GROUP BY trade_id
HAVING count(*) > 1
ORDER BY trade_id
