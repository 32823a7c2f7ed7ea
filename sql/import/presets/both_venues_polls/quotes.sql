-- about: 100 markets of each venue every 12 minutes; rows name their venue. Kalshi volume is in contracts, Polymarket's
--        in dollars. yes_price and no_price are Gamma's outcome prices: neither a quote nor a last trade, so no column
--        of a quote holds them and they are not loaded.
-- columns: platform, market_id, volume, liquidity, ingested_at
-- source: both_venues_polls
-- venue: any
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"platform": "VARCHAR", "market_id": "VARCHAR", "volume": "VARCHAR",
        "liquidity": "VARCHAR", "ingested_at": "VARCHAR"}') AS q
    FROM file_rows
)
SELECT
    row_no, sha, q.platform AS venue, q.market_id AS instrument, q.ingested_at AS observed_at,
    CASE WHEN q.platform = 'kalshi' THEN q.volume END AS volume,
    CASE WHEN q.platform = 'polymarket' THEN q.volume END AS volume_usd,
    q.liquidity AS liquidity_usd
FROM records
