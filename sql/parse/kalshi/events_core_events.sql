-- about: Kalshi events as last served in the unit.
-- grain: event_id
-- inputs: parsed
SELECT
    'kalshi' AS venue,
    bucket_of('kalshi:' || native_id) AS bucket,
    'kalshi:' || native_id AS event_id,
    native_id,
    'kalshi:' || as_id(f.series_ticker) AS series_id,
    nullif(f.title, '') AS title,
    nullif(f.sub_title, '') AS sub_title,
    nullif(f.category, '') AS category,
    TRY_CAST(f.mutually_exclusive AS BOOLEAN) AS is_mutually_exclusive,
    is_combo,
    as_time(f.strike_date) AS strike_at,
    nullif(f.strike_period, '') AS strike_period,
    nullif(f.fee_type_override, '') AS fee_type,
    TRY_CAST(f.fee_multiplier_override AS DECIMAL(12, 8)) AS fee_multiplier,
    as_time(f.last_updated_ts) AS updated_at,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM parsed
QUALIFY row_number() OVER (PARTITION BY native_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
