-- about: a listing of open Kalshi events, flattened to CSV.
-- columns: timestamp, event_ticker, series_ticker, title, sub_title, mutually_exclusive, category, strike_date
-- source: kalshi_open_events
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"timestamp": "VARCHAR", "event_ticker": "VARCHAR",
        "series_ticker": "VARCHAR", "title": "VARCHAR", "sub_title": "VARCHAR", "mutually_exclusive": "VARCHAR",
        "category": "VARCHAR", "strike_date": "VARCHAR"}') AS e
    FROM file_rows
)
SELECT
    row_no, sha, e.event_ticker AS event, e.series_ticker AS series, e.title AS title, e.sub_title AS sub_title,
    e.category AS category, e.mutually_exclusive AS is_mutually_exclusive, e.strike_date AS strike_at,
    e.timestamp AS observed_at
FROM records
