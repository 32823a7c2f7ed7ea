-- about: sampled midpoints, one row per point, from {"history": [{t, p}]}, {"data": [...]} or a bare array.
-- grain: point of a raw object
-- inputs: raw_objects, known_outcomes
-- The context says what was asked: token, window in Unix seconds, minutes between points, end of trading.
-- A payload with bad points gives its good ones, with the days of the bad ones (NULL: any day that was asked for), and
-- a reject per such day that counts them.
WITH given AS (
    SELECT unit_id, page, position, received_at,
           json_transform(CASE WHEN json_valid(context) THEN context END, '{
               "token_id": "VARCHAR", "start_ts": "BIGINT", "end_ts": "BIGINT", "fidelity": "INTEGER",
               "source": "VARCHAR", "trading_ended_ts": "BIGINT"}') AS c,
           CASE json_type(as_json(payload))
               WHEN 'ARRAY' THEN CAST(as_json(payload) AS JSON)
               WHEN 'OBJECT' THEN coalesce(
                   json_extract(as_json(payload), '$.history'), json_extract(as_json(payload), '$.data'))
           END AS list
    FROM raw_objects
),
mapped AS (
    SELECT token_id, min(instrument_id) AS instrument_id, min(outcome_index) AS outcome_index
    FROM known_outcomes
    WHERE token_id IN (SELECT c.token_id FROM given)
    GROUP BY token_id
    HAVING count(DISTINCT (instrument_id, outcome_index)) = 1
),
binaries AS (
    SELECT instrument_id
    FROM known_outcomes
    WHERE instrument_id IN (SELECT instrument_id FROM mapped)
    GROUP BY instrument_id
    HAVING count(*) = 2 AND min(outcome_index) = 0 AND max(outcome_index) = 1
),
asked AS (
    SELECT g.unit_id, g.page, g.position, g.received_at, g.c.token_id AS token_id, m.instrument_id, m.outcome_index,
           g.c.start_ts AS start_ts, g.c.end_ts AS end_ts, g.c.trading_ended_ts AS ended_ts,
           g.c.fidelity * 60 AS asked_seconds, coalesce(g.c.source, 'clob') AS source,
           json_transform(g.list, '[{"t": "VARCHAR", "p": "VARCHAR", "timestamp": "VARCHAR", "price": "VARCHAR",
                                     "resolution_seconds": "INTEGER"}]') AS points,
           CASE
               WHEN json_type(g.list) IS DISTINCT FROM 'ARRAY' THEN 'expected a list of points'
               WHEN g.c.token_id IS NULL OR g.c.start_ts IS NULL OR g.c.end_ts IS NULL
                   THEN 'the context lacks token, start or end of the request'
               WHEN m.token_id IS NULL THEN 'token is in no known instrument: ' || g.c.token_id
               WHEN m.outcome_index != 0 AND b.instrument_id IS NULL
                   THEN 'the token is neither outcome 0 nor one of two outcomes'
           END AS fault,
           CASE WHEN json_type(g.list) IS DISTINCT FROM 'ARRAY' THEN '$.history' ELSE '$' END AS fault_path
    FROM given g
    LEFT JOIN mapped m ON m.token_id = g.c.token_id
    LEFT JOIN binaries b ON b.instrument_id = m.instrument_id
),
points AS (
    SELECT * EXCLUDE (points, fault, fault_path), unnest(points) AS point, unnest(range(len(points))) AS place
    FROM asked
    WHERE fault IS NULL
),
typed AS (
    SELECT * EXCLUDE (point),
           TRY_CAST(coalesce(point.t, point.timestamp) AS BIGINT) AS at_ts,
           TRY_CAST(coalesce(point.p, point.price) AS DECIMAL(9, 6)) AS price,
           point.resolution_seconds AS resolution_seconds
    FROM points
),
judged AS (
    SELECT *,
           as_epoch(CAST(at_ts AS VARCHAR)) AS moment,
           coalesce(moment IS NOT NULL AND price BETWEEN 0 AND 1, false) AS is_good
    FROM typed
),
bad AS (
    SELECT unit_id, page, position, utc_day(moment) AS day,
           count(*) || ' points without Unix seconds or a price in 0..1' AS reject_reason,
           '$.history[' || min(place) || ']' AS reject_path,
           any_value(instrument_id) AS reject_instrument_id,
           coalesce(min(moment), as_epoch(CAST(any_value(start_ts) AS VARCHAR))) AS reject_from_at,
           coalesce(max(moment) + INTERVAL 1 SECOND, as_epoch(CAST(any_value(end_ts) AS VARCHAR))) AS reject_to_at,
           count(*) AS reject_rows,
           count(*) FILTER (
               moment IS NULL OR (at_ts >= start_ts AND at_ts < end_ts AND coalesce(at_ts <= ended_ts, true))
           ) AS wanted_rows
    FROM judged
    WHERE NOT is_good
    GROUP BY unit_id, page, position, utc_day(moment)
),
lost AS (
    SELECT unit_id, page, position, list({'date': day, 'rows': wanted_rows}) AS bad_days
    FROM bad
    WHERE wanted_rows > 0
    GROUP BY unit_id, page, position
)
SELECT j.* EXCLUDE (is_good, moment), l.bad_days
FROM judged j
LEFT JOIN lost l USING (unit_id, page, position)
WHERE j.is_good
UNION ALL BY NAME
SELECT unit_id, page, position, fault AS reject_reason, fault_path AS reject_path,
       instrument_id AS reject_instrument_id, as_epoch(CAST(start_ts AS VARCHAR)) AS reject_from_at,
       as_epoch(CAST(end_ts AS VARCHAR)) AS reject_to_at
FROM asked
WHERE fault IS NOT NULL
UNION ALL BY NAME
SELECT * EXCLUDE (day, wanted_rows) FROM bad
