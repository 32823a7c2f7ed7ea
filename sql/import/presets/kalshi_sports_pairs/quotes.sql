-- about: a recorder's polls of Kalshi sports events with all their outcomes, each a market. Float dollars.
-- columns: captured_at, outcomes
-- source: kalshi_sports_pairs
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"captured_at": "VARCHAR", "outcomes": [{"ticker": "VARCHAR",
        "yes_bid": "VARCHAR", "yes_ask": "VARCHAR", "no_bid": "VARCHAR", "no_ask": "VARCHAR"}]}') AS r
    FROM file_rows
), quoted AS (
    SELECT
        row_no, sha, r.captured_at AS captured_at,
        unnest(CASE WHEN len(r.outcomes) > 0 THEN r.outcomes ELSE [NULL] END) AS o,
        generate_subscripts(CASE WHEN len(r.outcomes) > 0 THEN r.outcomes ELSE [NULL] END, 1) - 1 AS item
    FROM records
)
SELECT
    row_no, sha, item, captured_at AS observed_at, o.ticker AS instrument,
    o.yes_bid AS best_bid, o.yes_ask AS best_ask, o.no_bid AS other_bid, o.no_ask AS other_ask
FROM quoted
