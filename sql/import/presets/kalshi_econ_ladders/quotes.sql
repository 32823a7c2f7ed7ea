-- about: a recorder's polls of Kalshi's economic ladders: every strike of every open event of a series. Float dollars.
-- columns: captured_at, open_events
-- source: kalshi_econ_ladders
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"captured_at": "VARCHAR", "open_events": {"events": [{"strikes":
        [{"ticker": "VARCHAR", "yes_bid": "VARCHAR", "yes_ask": "VARCHAR", "no_bid": "VARCHAR", "no_ask": "VARCHAR"}]}]}}') AS r
    FROM file_rows
), strikes AS (
    SELECT row_no, sha, r.captured_at AS captured_at, flatten([e.strikes FOR e IN r.open_events.events]) AS strikes FROM records
), quoted AS (
    SELECT
        row_no, sha, captured_at,
        unnest(CASE WHEN len(strikes) > 0 THEN strikes ELSE [NULL] END) AS s,
        generate_subscripts(CASE WHEN len(strikes) > 0 THEN strikes ELSE [NULL] END, 1) - 1 AS item
    FROM strikes
)
SELECT
    row_no, sha, item, captured_at AS observed_at, s.ticker AS instrument,
    s.yes_bid AS best_bid, s.yes_ask AS best_ask, s.no_bid AS other_bid, s.no_ask AS other_ask
FROM quoted
