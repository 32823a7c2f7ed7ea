-- about: days of calibration that current resolutions and instruments contradict: old day and new day
-- of: mart.calibration
-- grain: date
-- inputs: mart.calibration, core.resolutions, core.instruments
-- An instrument that is settled now but has no stored rows: its new day. An instrument whose outcome became known at
-- another time: the day of its rows and its new day. Whether it was open matters only if no price was found.
WITH paid AS (
    SELECT
        instrument_id,
        min(payout_0) FILTER (WHERE status = 'settled') AS payout_0,
        is_contested(source, status, payout_0, observed_at) AS is_contested,
        min(proposed_at) AS proposed_at,
        min(resolved_at) AS resolved_at,
        min(observed_at) AS observed_at
    FROM core.resolutions
    GROUP BY venue, instrument_id
    HAVING bool_or(status IN ('settled', 'unresolved'))
),

due AS (
    SELECT
        p.instrument_id,
        i.event_id,
        i.opens_at,
        least(i.trading_ended_at, i.occurrence_at, p.proposed_at, p.resolved_at, i.settled_at) AS known_at,
        utc_day(coalesce(known_at, p.observed_at)) AS date,
        CASE known_at
            WHEN i.trading_ended_at THEN 'trading_ended'
            WHEN i.occurrence_at THEN 'occurrence'
            WHEN p.proposed_at THEN 'proposal'
            ELSE if(known_at IS NULL, NULL, 'resolution')
        END AS outcome_basis,
        CASE WHEN NOT p.is_contested THEN p.payout_0 END AS outcome,
        CASE WHEN p.payout_0 IS NULL THEN 'no_payout' WHEN p.is_contested THEN 'payouts_disagree' END AS unpaid
    FROM paid p
    LEFT JOIN core.instruments i USING (instrument_id)
),

stored AS (
    SELECT
        instrument_id,
        any_value(date) AS date,
        any_value(event_id) AS event_id,
        any_value(outcome_known_at) AS known_at,
        any_value(outcome_basis) AS outcome_basis,
        any_value(outcome) AS outcome,
        any_value(missing_reason) FILTER (WHERE missing_reason IN ('no_payout', 'payouts_disagree')) AS unpaid,
        -- If these disagree about an opening, it moved across a horizon.
        max(horizon_at) FILTER (WHERE missing_reason = 'not_open') AS last_not_open,
        min(horizon_at) FILTER (WHERE missing_reason = 'no_price') AS first_open,
        min(date) <> max(date) AS is_twice
    FROM mart.calibration
    GROUP BY instrument_id
),

contradicted AS (
    SELECT d.date AS new_day, instrument_id
    FROM due d
    FULL JOIN stored s USING (instrument_id)
    WHERE d.date IS DISTINCT FROM s.date
        OR d.event_id IS DISTINCT FROM s.event_id
        OR d.known_at IS DISTINCT FROM s.known_at
        OR d.outcome_basis IS DISTINCT FROM s.outcome_basis
        OR d.outcome IS DISTINCT FROM s.outcome
        OR d.unpaid IS DISTINCT FROM s.unpaid
        OR NOT coalesce(d.opens_at > s.last_not_open, s.last_not_open IS NULL)
        OR d.opens_at > s.first_open
        OR s.is_twice
)

SELECT new_day AS date
FROM contradicted
WHERE new_day IS NOT NULL
UNION
SELECT m.date
FROM mart.calibration m
JOIN contradicted USING (instrument_id)
