-- about: resolved Kalshi temperature markets with first and last price and the result.
-- columns: market_ticker, close_ts, result
-- source: kalshi_weather_results
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"market_ticker": "VARCHAR", "close_ts": "VARCHAR", "result": "VARCHAR"}') AS m
    FROM file_rows
)
SELECT row_no, sha, m.market_ticker AS instrument, m.result AS result, m.close_ts AS ended_at FROM records
