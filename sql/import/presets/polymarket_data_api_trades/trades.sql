-- about: trades of Polymarket's Data API reduced to CSV: no transaction hash, so the identity is weak.
-- columns: timestamp, size, price, side, asset, conditionId, proxyWallet
-- source: polymarket_data_api_trades
-- venue: polymarket
-- naive_tz: America/New_York
-- Times are of New York: markets "5:15PM-5:30PM ET" trade until 17:30 in the recorded file.
WITH prints AS (
    SELECT row_no, sha, json_transform(payload, '{"timestamp": "VARCHAR", "size": "VARCHAR", "price": "VARCHAR",
        "side": "VARCHAR", "asset": "VARCHAR", "conditionId": "VARCHAR", "proxyWallet": "VARCHAR"}') AS t
    FROM file_rows
)
SELECT
    row_no, sha,
    t.conditionId AS instrument, t.asset AS token_id, t.timestamp AS event_at,
    t.price AS price, t.size AS size, t.side AS side, t.proxyWallet AS trader
FROM prints
