-- about: the events of the same census.
-- columns: event_ticker, series_ticker, event_category, mutually_exclusive
-- source: kalshi_census
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"event_ticker": "VARCHAR", "series_ticker": "VARCHAR",
        "event_category": "VARCHAR", "mutually_exclusive": "VARCHAR"}') AS e
    FROM file_rows
)
SELECT
    row_no, sha, e.event_ticker AS event, e.series_ticker AS series, e.event_category AS category,
    e.mutually_exclusive AS is_mutually_exclusive
FROM records
