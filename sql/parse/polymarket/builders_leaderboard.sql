-- about: the venue's ranking of builders, typed. The range is in the request, nowhere in the answer.
-- grain: raw object
-- inputs: raw_objects
-- A ranking may be several pages: all its rows are observed when its first page was.
WITH given AS (
    SELECT unit_id, page, position, received_at, sha256,
           nullif(regexp_extract(request, '[?&]time_period=(day|week|month|all)(&|$)', 1), '') AS range,
           json_transform(as_json(payload), '{
               "rank": "VARCHAR", "builder_name": "VARCHAR", "builder_code": "VARCHAR", "verified": "VARCHAR",
               "volume": "VARCHAR", "active_users": "VARCHAR"}') AS f
    FROM raw_objects
),
typed AS (
    SELECT unit_id, page, position, sha256, range, f,
           min(received_at) OVER (PARTITION BY unit_id, range) AS observed_at,
           lower(as_id(f.builder_code)) AS builder_code,
           TRY_CAST(f.rank AS INTEGER) AS rank,
           TRY_CAST(f.volume AS DECIMAL(18, 6)) AS contracts
    FROM given
)
SELECT *,
       CASE WHEN range IS NULL THEN 'expected time_period day, week, month or all in the request'
            WHEN builder_code IS NULL THEN 'no builder code, or no JSON object'
            WHEN contracts IS NULL OR contracts < 0
                THEN 'expected a volume of 0 or more, got ' || coalesce(f.volume, 'nothing')
       END AS reject_reason,
       CASE WHEN range IS NULL THEN '$'
            WHEN builder_code IS NULL THEN '$.builder_code'
            ELSE '$.volume' END AS reject_path
FROM typed
