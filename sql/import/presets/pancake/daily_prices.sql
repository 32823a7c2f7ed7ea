-- about: Pancake's daily Polymarket bars, one per outcome token. open = high = low = close in every bar (a sampled
--        midpoint) and volume is always null. Ids are the publisher's; the token is inside external_ids.
-- columns: external_ids.token_id, observed_at, open, high, low, close
-- source: pancake
WITH bars AS (
    SELECT row_no, sha, json_transform(payload, '{"external_ids": {"token_id": "VARCHAR"}, "observed_at": "VARCHAR",
        "open": "VARCHAR", "high": "VARCHAR", "low": "VARCHAR", "close": "VARCHAR", "volume": "VARCHAR"}') AS bar
    FROM file_rows
)
SELECT
    row_no, sha,
    bar.external_ids.token_id AS token_id,
    bar.observed_at AS closes_at_epoch_s,
    bar.open AS open, bar.high AS high, bar.low AS low, bar.close AS close,
    bar.volume AS volume,
    'mid_sample' AS price_source,
    '86400' AS grain_seconds
FROM bars
