-- about: Polymarket events as last served in the unit. Of several series the first is the event's own.
-- grain: event_id
-- inputs: parsed
SELECT
    'polymarket' AS venue,
    bucket_of('polymarket:' || native_id) AS bucket,
    'polymarket:' || native_id AS event_id,
    native_id,
    'polymarket:' || as_id(f.series[1].id) AS series_id,
    nullif(f.slug, '') AS slug,
    f.title AS title,
    nullif(f.subtitle, '') AS sub_title,
    nullif(f.description, '') AS description,
    nullif(f.category, '') AS category,
    [t.label FOR t IN f.tags IF t.label IS NOT NULL] AS tags,
    -- A negative-risk set pays exactly one of its outcomes; other events say nothing about it.
    CASE WHEN TRY_CAST(f.negRisk AS BOOLEAN) THEN true END AS is_mutually_exclusive,
    TRY_CAST(f.negRisk AS BOOLEAN) AS is_neg_risk,
    false AS is_combo,
    as_time(f.startDate) AS starts_at,
    as_time(f.endDate) AS ends_at,
    as_time(f.createdAt) AS created_at,
    as_time(f.updatedAt) AS updated_at,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM parsed
QUALIFY row_number() OVER (PARTITION BY native_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
