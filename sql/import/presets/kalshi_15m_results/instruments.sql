-- about: the 15-minute Kalshi markets of the same file; only resolved ones, because the file has no other status.
-- columns: event_ticker, yes_sub_title, open_time, close_time, floor_strike, result
-- source: kalshi_15m_results
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"event_ticker": "VARCHAR", "yes_sub_title": "VARCHAR",
        "open_time": "VARCHAR", "close_time": "VARCHAR", "floor_strike": "VARCHAR", "result": "VARCHAR"}') AS m
    FROM file_rows
)
SELECT
    row_no, sha,
    m.event_ticker || '-' || right(m.event_ticker, 2) AS instrument,
    m.event_ticker AS event,
    split_part(m.event_ticker, '-', 1) AS series,
    m.yes_sub_title AS sub_title,
    CASE WHEN m.result IN ('yes', 'no') THEN 'settled' END AS status,
    m.floor_strike AS floor_strike,
    m.open_time AS opens_at,
    m.close_time AS closes_at,
    '2' AS outcome_count
FROM records
