-- about: number of staged rows that belong to each page: the minimum that the table has of the page afterwards
-- grain: page
-- inputs: pages, placed
SELECT p.page, p.kept_from_at, count(s.at) AS rows
FROM pages p
LEFT JOIN placed s
    ON s.at >= coalesce(p.low_at, p.from_at)
    AND s.at <= coalesce(p.high_at, p.to_at)
    AND (p.instrument_ids IS NULL OR list_contains(p.instrument_ids, s.instrument_id))
    AND (p.scope IS NULL OR s.scope = p.scope)
GROUP BY ALL
