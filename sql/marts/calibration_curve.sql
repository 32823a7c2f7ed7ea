-- about: mean payout of instruments by price, per venue and horizon, with a confidence interval over events
-- creates: mart.calibration_curve
-- grain: venue, horizon, bucket
-- partition: none
-- inputs: mart.calibration
-- Instruments of one event are decided together, so the interval resamples events, not instruments: 200 replicates in
-- which every event counts w times, where w is Poisson(1) from a hash of the event and the replicate. This is the
-- bootstrap in one pass and without a seed: the same rows give the same interval (within one version of DuckDB), an
-- event has the same weight in all its buckets, and new events do not change the draws of others. The hash is hashed
-- again: a hash of two values is their XOR, and the draws of events would be correlated. An instrument without a known
-- event counts as its own event. Sums are whole numbers until the division, so the order of addition does not matter.
WITH cells AS (
    SELECT
        venue,
        horizon,
        CAST(least(floor(price * 10), 9) AS INTEGER) AS bucket,
        coalesce(event_id, instrument_id) AS event,
        count(*) AS n,
        sum(price) AS prices,
        sum(to_units(outcome, 12)) AS outcomes,
        sum((price - outcome) * (price - outcome)) AS errors
    FROM mart.calibration
    WHERE missing_reason IS NULL
    GROUP BY ALL
),

measured AS (
    SELECT
        venue,
        horizon,
        bucket,
        sum(n) AS n_instruments,
        count(*) AS n_events,
        sum(prices)::DOUBLE / nullif(sum(n), 0) AS mean_price,
        sum(outcomes)::DOUBLE / 1e12 / nullif(sum(n), 0) AS mean_outcome,
        sum(errors)::DOUBLE / nullif(sum(n), 0) AS brier_score
    FROM cells
    GROUP BY ALL
),

draws AS (
    SELECT event, r.replicate, hash(hash(e.h, r.replicate))::DOUBLE / 18446744073709551616 AS u
    FROM (SELECT DISTINCT event, hash(event) AS h FROM cells) e
    CROSS JOIN range(200) r (replicate)
),

-- Limits of the cumulative Poisson(1) distribution; 7 and more have a probability of 0.00008.
weighted AS (
    SELECT
        event,
        replicate,
        CASE
            WHEN u < 0.36787944 THEN 0
            WHEN u < 0.73575888 THEN 1
            WHEN u < 0.91969860 THEN 2
            WHEN u < 0.98101184 THEN 3
            WHEN u < 0.99634015 THEN 4
            WHEN u < 0.99940582 THEN 5
            WHEN u < 0.99991676 THEN 6
            ELSE 7
        END AS w
    FROM draws
),

replicates AS (
    SELECT c.venue, c.horizon, c.bucket, d.replicate, sum(d.w * c.outcomes)::DOUBLE / 1e12 / nullif(sum(d.w * c.n), 0) AS mean_outcome
    FROM cells c
    JOIN weighted d USING (event)
    WHERE d.w > 0
    GROUP BY ALL
),

intervals AS (
    SELECT
        venue,
        horizon,
        bucket,
        quantile_cont(mean_outcome, 0.025) AS outcome_low,
        quantile_cont(mean_outcome, 0.975) AS outcome_high
    FROM replicates
    GROUP BY ALL
),

grid AS (
    SELECT venue, horizon, max(horizon_seconds) AS horizon_seconds, b.bucket, count(missing_reason) AS n_missing
    FROM mart.calibration
    CROSS JOIN range(10) b (bucket)
    GROUP BY ALL
)

SELECT
    g.venue,
    g.horizon,
    g.horizon_seconds,
    CAST(g.bucket AS DECIMAL(9, 6)) * 0.1 AS bucket_from,
    CAST(g.bucket + 1 AS DECIMAL(9, 6)) * 0.1 AS bucket_to,
    coalesce(m.n_instruments, 0) AS n_instruments,
    coalesce(m.n_events, 0) AS n_events,
    g.n_missing,
    m.mean_price,
    m.mean_outcome,
    CASE WHEN m.n_events > 1 THEN i.outcome_low END AS outcome_low,
    CASE WHEN m.n_events > 1 THEN i.outcome_high END AS outcome_high,
    m.brier_score
FROM grid g
LEFT JOIN measured m USING (venue, horizon, bucket)
LEFT JOIN intervals i USING (venue, horizon, bucket)
