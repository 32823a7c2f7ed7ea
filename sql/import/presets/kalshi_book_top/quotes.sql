-- about: best bids of every strike of a Kalshi event at every change, in integer cents, with the implied asks.
-- columns: timestamp, market_ticker, best_yes_bid, best_no_bid, implied_yes_ask, implied_no_ask
-- source: kalshi_book_top
-- venue: kalshi
-- naive_tz: America/Los_Angeles
-- Times are Pacific: every recorded file begins at 07:01 to 07:04 on the day before, when these markets open (10:00 in
-- New York).
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"timestamp": "VARCHAR", "market_ticker": "VARCHAR",
        "best_yes_bid": "VARCHAR", "best_no_bid": "VARCHAR", "implied_yes_ask": "VARCHAR", "implied_no_ask": "VARCHAR"}') AS q
    FROM file_rows
)
SELECT
    row_no, sha, q.timestamp AS observed_at, q.market_ticker AS instrument,
    q.best_yes_bid AS best_bid_cents, q.implied_yes_ask AS best_ask_cents,
    q.best_no_bid AS other_bid_cents, q.implied_no_ask AS other_ask_cents
FROM records
