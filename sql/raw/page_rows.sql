-- about: number of placed rows that belong to each page: the minimum that the table has of the page afterwards
-- Pages of some instruments are joined by instrument: a walk of one ticker and a feed of all have the same days.
-- grain: page
-- inputs: pages, placed
WITH asked AS (
    SELECT
        page,
        kept_from_at,
        scope,
        coalesce(low_at, from_at) AS low_at,
        coalesce(high_at, to_at) AS high_at,
        unnest(coalesce(instrument_ids, [NULL])) AS instrument_id
    FROM pages
),

found AS (
    SELECT a.page, a.kept_from_at, a.scope, s.scope AS row_scope
    FROM asked a
    JOIN placed s ON s.instrument_id = a.instrument_id AND s.at BETWEEN a.low_at AND a.high_at
    UNION ALL
    SELECT a.page, a.kept_from_at, a.scope, s.scope AS row_scope
    FROM (FROM asked WHERE instrument_id IS NULL) a
    JOIN placed s ON s.at BETWEEN a.low_at AND a.high_at
),

counted AS (
    SELECT page, kept_from_at, count(*) AS rows
    FROM found
    WHERE scope IS NULL OR scope = row_scope
    GROUP BY page, kept_from_at
)

SELECT DISTINCT p.page, p.kept_from_at, coalesce(c.rows, 0) AS rows
FROM pages p
LEFT JOIN counted c USING (page, kept_from_at)
