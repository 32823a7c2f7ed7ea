-- about: spreads, one-sided time and changes of the best prices per instrument and UTC day, weighted by time
-- creates: mart.spread_stats
-- grain: instrument, date
-- partition: date
-- inputs: core.book_snapshots
-- Uses live books only. A quantile is the smallest spread that was not exceeded for that share of the time; it is never
-- interpolated. Spreads relative to the mid are counted in 10^-9. A change of a best price needs two consecutive live
-- rows without a break: changes while the book was not live are not counted.
WITH lived AS (
    SELECT
        venue,
        date,
        instrument_id,
        bid,
        ask,
        epoch_us(valid_to) - epoch_us(valid_from) AS us,
        coalesce(
            lag(valid_to) OVER before = valid_from
            AND (lag(bid) OVER before IS DISTINCT FROM bid OR lag(ask) OVER before IS DISTINCT FROM ask),
            false
        ) AS is_change
    FROM core.book_snapshots
    WHERE date >= $from AND date < $to AND state = 'live'
    WINDOW before AS (PARTITION BY date, instrument_id ORDER BY valid_from)
),

-- A day has few distinct pairs of best prices.
pairs AS (
    SELECT
        venue,
        date,
        instrument_id,
        to_units(bid, 6) AS bid_units,
        to_units(ask, 6) AS ask_units,
        ask_units - bid_units AS spread,
        2000000000 * spread // nullif(ask_units + bid_units, 0) AS relative,
        sum(us) AS us,
        count(*) FILTER (is_change) AS changes
    FROM lived
    GROUP BY venue, date, instrument_id, bid, ask
),

running AS (
    SELECT
        *,
        sum(us) FILTER (spread IS NOT NULL) OVER (PARTITION BY date, instrument_id ORDER BY spread) AS up_to_spread,
        sum(us) FILTER (spread IS NOT NULL) OVER (PARTITION BY date, instrument_id ORDER BY relative) AS up_to_relative,
        sum(us) FILTER (spread IS NOT NULL) OVER (PARTITION BY date, instrument_id) AS quoted
    FROM pairs
)

SELECT
    venue,
    date,
    instrument_id,
    sum(us)::DOUBLE / 1e6 AS live_seconds,
    coalesce(any_value(quoted), 0)::DOUBLE / 1e6 AS quoted_seconds,
    coalesce(sum(us) FILTER ((bid_units IS NULL) <> (ask_units IS NULL)), 0)::DOUBLE / nullif(sum(us), 0)::DOUBLE AS one_sided_share,
    sum(us * spread)::DOUBLE / nullif(any_value(quoted), 0)::DOUBLE / 1e6 AS mean_spread,
    min(spread) FILTER (2 * up_to_spread >= quoted)::DOUBLE / 1e6 AS median_spread,
    min(spread) FILTER (100 * up_to_spread >= 95 * quoted)::DOUBLE / 1e6 AS p95_spread,
    sum(us * relative)::DOUBLE / nullif(any_value(quoted), 0)::DOUBLE / 1e9 AS mean_relative_spread,
    min(relative) FILTER (2 * up_to_relative >= quoted)::DOUBLE / 1e9 AS median_relative_spread,
    min(relative) FILTER (100 * up_to_relative >= 95 * quoted)::DOUBLE / 1e9 AS p95_relative_spread,
    sum(changes)::BIGINT AS best_changes
FROM running
GROUP BY venue, date, instrument_id
