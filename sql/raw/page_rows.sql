-- about: how many staged rows lie in the place of each page: what the table holds of the page afterwards, at least
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
