-- about: Pancake's daily Polymarket bars, one per outcome token. Ids are the publisher's; the token is inside external_ids.
--        Bars without a volume have open = high = low = close (a sampled midpoint); those of 2026-05 and later have both.
-- columns: external_ids.token_id | external_ids.polymarket_clob_token_id, observed_at | timestamp, open, high, low, close
-- source: pancake
-- venue: polymarket
WITH bars AS (
    SELECT row_no, sha, json_transform(payload, '{"external_ids": {"token_id": "VARCHAR",
        "polymarket_clob_token_id": "VARCHAR"}, "observed_at": "VARCHAR", "timestamp": "VARCHAR",
        "open": "VARCHAR", "high": "VARCHAR", "low": "VARCHAR", "close": "VARCHAR", "volume": "VARCHAR"}') AS bar
    FROM file_rows
)
SELECT
    row_no, sha,
    coalesce(bar.external_ids.token_id, bar.external_ids.polymarket_clob_token_id) AS token_id,
    coalesce(bar.observed_at, bar.timestamp) AS closes_at_epoch_s,
    bar.open AS open, bar.high AS high, bar.low AS low, bar.close AS close,
    bar.volume AS volume,
    CASE WHEN bar.volume IS NULL THEN 'mid_sample' ELSE 'candle' END AS price_source,
    '86400' AS grain_seconds
FROM bars
