-- about: pages of some units with rows of [$from, $to), and the time from which rows of each page's walk were kept
-- A page whose rows several commits kept has a record for each of them.
-- grain: unit, page
-- inputs: pages
WITH walked AS (
    SELECT
        *,
        min(kept_from_at) OVER (PARTITION BY unit_id, instrument_ids, scope, begin_at, end_at) AS kept_in_the_end
    FROM pages
    WHERE unit_id IN (SELECT unnest($units))
)

SELECT
    unit_id,
    page,
    max(objects) AS objects,
    any_value(scope) AS scope,
    any_value(instrument_ids) AS instrument_ids,
    [min(from_at), max(to_at)] AS place,
    [min(low_at), max(high_at)] AS times,
    [min(begin_at), max(end_at)] AS claimed,
    min(kept_in_the_end) AS kept_from_at,
    CAST(sum(rows) AS BIGINT) AS rows
FROM walked
WHERE coalesce(high_at, to_at) >= $from AND coalesce(low_at, from_at) < $to
GROUP BY unit_id, page
ORDER BY unit_id, page
