-- about: the markets of the same file. The publisher's bounds use -100 and 200 for an open side: NULL here. open_ts and
--        close_ts are times of first and last trade seen, not of trading, so they are not loaded.
-- columns: market_ticker, event_ticker, lower, upper, side, result
-- source: kalshi_weather_results
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"market_ticker": "VARCHAR", "event_ticker": "VARCHAR",
        "lower": "VARCHAR", "upper": "VARCHAR", "side": "VARCHAR", "result": "VARCHAR"}') AS m
    FROM file_rows
)
SELECT
    row_no, sha,
    m.market_ticker AS instrument,
    m.event_ticker AS event,
    split_part(m.event_ticker, '-', 1) AS series,
    CASE WHEN m.result IN ('yes', 'no') THEN 'settled' END AS status,
    CASE m.side WHEN 'bracket' THEN 'between' WHEN 'tail_lo' THEN 'less' WHEN 'tail_hi' THEN 'greater' END AS strike_type,
    CASE WHEN m.side <> 'tail_lo' THEN m.lower END AS floor_strike,
    CASE WHEN m.side <> 'tail_hi' THEN m.upper END AS cap_strike,
    '2' AS outcome_count
FROM records
