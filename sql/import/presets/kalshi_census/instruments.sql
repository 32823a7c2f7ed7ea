-- about: a census of Kalshi markets: identifiers and status, no titles, times or prices.
-- columns: ticker, event_ticker, series_ticker, status, strike_type
-- source: kalshi_census
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"ticker": "VARCHAR", "event_ticker": "VARCHAR",
        "series_ticker": "VARCHAR", "status": "VARCHAR", "strike_type": "VARCHAR"}') AS m
    FROM file_rows
)
SELECT
    row_no, sha, m.ticker AS instrument, m.event_ticker AS event, m.series_ticker AS series, m.status AS status,
    m.strike_type AS strike_type
FROM records
