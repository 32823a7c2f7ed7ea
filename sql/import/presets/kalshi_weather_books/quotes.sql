-- about: a recorder's polls of full Kalshi books of temperature markets; the best levels become a quote. The published
--        sizes of the best levels are the first of each ladder (best first).
-- columns: captured_at, ticker, best_yes_bid, best_yes_ask, best_no_bid, best_no_ask, yes_bids, no_bids
-- source: kalshi_weather_books
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"captured_at": "VARCHAR", "ticker": "VARCHAR", "best_yes_bid": "VARCHAR",
        "best_yes_ask": "VARCHAR", "best_no_bid": "VARCHAR", "best_no_ask": "VARCHAR", "yes_bids": [["VARCHAR"]],
        "no_bids": [["VARCHAR"]]}') AS b
    FROM file_rows
)
SELECT
    row_no, sha, b.captured_at AS observed_at, b.ticker AS instrument,
    b.best_yes_bid AS best_bid, b.best_yes_ask AS best_ask, b.best_no_bid AS other_bid, b.best_no_ask AS other_ask,
    b.yes_bids[1][2] AS best_bid_size, b.no_bids[1][2] AS best_ask_size
FROM records
