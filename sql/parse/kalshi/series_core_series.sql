-- about: Kalshi series as last served in the unit.
-- grain: series_id
-- inputs: parsed
SELECT
    'kalshi' AS venue,
    bucket_of('kalshi:' || native_id) AS bucket,
    'kalshi:' || native_id AS series_id,
    native_id,
    nullif(f.title, '') AS title,
    nullif(f.category, '') AS category,
    as_list(f.categories) AS categories,
    as_list(f.tags) AS tags,
    nullif(f.frequency, '') AS frequency,
    nullif(f.fee_type, '') AS fee_type,
    TRY_CAST(f.fee_multiplier AS DECIMAL(12, 8)) AS fee_multiplier,
    CASE WHEN json_type(f.settlement_sources) = 'ARRAY' THEN CAST(f.settlement_sources AS VARCHAR) END
        AS settlement_sources,
    as_time(f.last_updated_ts) AS updated_at,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM parsed
QUALIFY row_number() OVER (PARTITION BY native_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
