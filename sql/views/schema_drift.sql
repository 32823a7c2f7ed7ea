-- about: fields and enum values that the venues send and the parsers do not know
-- creates: core.schema_drift
-- grain: venue, endpoint, path, kind, value
-- inputs: core.drift
-- column venue: name of the venue
-- column endpoint: the payload kind
-- column path: the field, or the field whose value is unknown
-- column kind: field or value
-- column value: the unknown value as served; NULL for an unknown field
-- column objects: number of objects that have it
-- column units: number of units of work that saw it
-- column first_seen_at: when it was first served
-- column last_seen_at: when it was last served
-- The value of a field is only a sample, so fields are counted regardless of their values.
SELECT
    venue,
    endpoint,
    path,
    kind,
    CASE WHEN kind = 'value' THEN value END AS value,
    as_whole(sum(objects)) AS objects,
    count(DISTINCT unit_id) AS units,
    min(observed_at) AS first_seen_at,
    max(observed_at) AS last_seen_at
FROM core.drift
GROUP BY ALL
ORDER BY ALL
