-- about: Polymarket series as last served in the unit.
-- grain: series_id
-- inputs: parsed
SELECT
    'polymarket' AS venue,
    bucket_of('polymarket:' || native_id) AS bucket,
    'polymarket:' || native_id AS series_id,
    native_id,
    nullif(f.slug, '') AS slug,
    f.title AS title,
    nullif(f.categories[1].label, '') AS category,
    [c.label FOR c IN f.categories IF c.label IS NOT NULL] AS categories,
    [t.label FOR t IN f.tags IF t.label IS NOT NULL] AS tags,
    nullif(f.recurrence, '') AS frequency,
    as_time(f.updatedAt) AS updated_at,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM parsed
QUALIFY row_number() OVER (PARTITION BY native_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
