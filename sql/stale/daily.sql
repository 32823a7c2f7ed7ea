-- about: days of daily without trades whose volume contradicts the completeness of trades now
-- of: mart.daily
-- grain: date
-- inputs: mart.daily, core.ingest_windows, core.dead_letters, core.instruments, core.outcomes
WITH read_to_the_end AS (
    SELECT c.instrument_id, c.complete_from, c.complete_to, i.opens_at, i.trading_ended_at
    FROM core.instrument_completeness c
    LEFT JOIN core.instruments i USING (instrument_id)
    WHERE c.table_name = 'core.trades' AND c.complete_from IS NOT NULL
)

SELECT DISTINCT d.date
FROM mart.daily d
LEFT JOIN read_to_the_end r USING (instrument_id)
WHERE (d.volume_source IS NULL OR (d.trades = 0 AND d.volume_source IN ('trades', 'candle')))
    AND (d.volume_source IS NOT DISTINCT FROM 'trades') <> coalesce(
        r.complete_from <= greatest(CAST(d.date AS TIMESTAMP) AT TIME ZONE 'UTC', r.opens_at)
        AND r.complete_to >= least(CAST(d.date + 1 AS TIMESTAMP) AT TIME ZONE 'UTC', r.trading_ended_at),
        false
    )
