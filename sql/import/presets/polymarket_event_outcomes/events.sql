-- about: resolved Polymarket events with Gamma ids, each with its markets' tokens and final prices.
-- columns: id, title, startDate, endDate
-- source: polymarket_event_outcomes
-- venue: polymarket
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"id": "VARCHAR", "title": "VARCHAR", "startDate": "VARCHAR",
        "endDate": "VARCHAR"}') AS e
    FROM file_rows
)
SELECT row_no, sha, e.id AS event, e.title AS title, e.startDate AS starts_at, e.endDate AS ends_at FROM records
