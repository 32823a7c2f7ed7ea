-- about: the venue's ranking of builders, as served; of several rows of one code in one ranking the first
-- grain: range, builder_code, observed_at
-- inputs: parsed
SELECT
    'polymarket' AS venue,
    utc_day(observed_at) AS date,
    range,
    builder_code,
    observed_at,
    rank,
    nullif(f.builder_name, '') AS builder_name,
    contracts,
    TRY_CAST(f.active_users AS BIGINT) AS active_users,
    TRY_CAST(f.verified AS BOOLEAN) AS is_verified,
    sha256 AS raw_sha256
FROM parsed
QUALIFY row_number() OVER (PARTITION BY unit_id, range, builder_code ORDER BY page, position) = 1
