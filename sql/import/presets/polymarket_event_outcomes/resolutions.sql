-- about: final prices of the markets of resolved Polymarket events: {question: {label: token, final_label: price}}. The
--        first label's token and price make the row. A final price other than 0, 0.5 and 1 is a price, not a payout.
-- columns: id, markets
-- source: polymarket_event_outcomes
-- venue: polymarket
WITH records AS (
    SELECT row_no, sha, map_values(markets) AS markets
    FROM (SELECT row_no, sha, from_json(payload -> '$.markets', '"MAP(VARCHAR, MAP(VARCHAR, VARCHAR))"') AS markets
          FROM file_rows)
), questions AS (
    SELECT
        row_no, sha,
        unnest(CASE WHEN len(markets) > 0 THEN markets ELSE [NULL] END) AS market,
        generate_subscripts(CASE WHEN len(markets) > 0 THEN markets ELSE [NULL] END, 1) - 1 AS item
    FROM records
), labelled AS (
    SELECT *, map_keys(market)[1] AS label, map_keys(market)[2] AS other FROM questions
), priced AS (
    SELECT
        row_no, sha, item, market[label] AS token_id, market['final_' || label] AS final,
        market['final_' || other] AS other_final
    FROM labelled
)
SELECT
    row_no, sha, item, token_id,
    CASE WHEN final NOT IN ('0', '0.5', '1') THEN 'the final price is not a payout (0, 0.5 or 1)' END AS fault,
    final AS payout,
    final || ',' || other_final AS payout_text
FROM priced
