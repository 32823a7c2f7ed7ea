-- about: why payloads became dead letters, per table and UTC day, without the found values
-- creates: mart.dead_letter_reasons
-- grain: venue, table_name, date, reason
-- partition: none
-- inputs: core.dead_letters
-- The 20 most frequent reasons of a table's day are rows of their own, all others are one row.
WITH reasons AS (
    SELECT
        venue,
        table_name,
        utc_day(observed_at) AS date,
        regexp_replace(reason, ',? got .*$', '', 's') AS reason,
        count(*) AS letters,
        max(observed_at) AS latest_observed_at,
        min(sha256) AS sample_sha256
    FROM core.dead_letters
    GROUP BY ALL
),

placed AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY venue, table_name, date ORDER BY letters DESC, reason) AS place
    FROM reasons
)

SELECT
    venue,
    table_name,
    date,
    CASE WHEN place <= 20 THEN reason ELSE '(other reasons)' END AS reason,
    sum(letters)::BIGINT AS letters,
    min(place) AS place,
    max(latest_observed_at) AS latest_observed_at,
    min(sample_sha256) AS sample_sha256
FROM placed
GROUP BY venue, table_name, date, CASE WHEN place <= 20 THEN reason ELSE '(other reasons)' END
