-- about: resolved 15-minute Kalshi markets by event ticker. One market per event, named by the event and the minute of
--        its close: KXGOLD15M-26AUG050000-00. Rows without a result were not resolved when the file was made.
-- columns: event_ticker, close_time, expiration_value, result
-- source: kalshi_15m_results
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"event_ticker": "VARCHAR", "close_time": "VARCHAR",
        "expiration_value": "VARCHAR", "result": "VARCHAR"}') AS m
    FROM file_rows
)
SELECT
    row_no, sha,
    m.event_ticker || '-' || right(m.event_ticker, 2) AS instrument,
    m.result AS result,
    m.close_time AS ended_at,
    m.expiration_value AS expiration_value
FROM records
