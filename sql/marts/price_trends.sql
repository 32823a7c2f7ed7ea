-- about: changes, rolling means, volatility, drawdown, momentum and regime of daily closes, per price source
-- creates: mart.price_trends
-- grain: instrument, date, price_source
-- partition: date
-- lookback_days: short_days + long_days + 1
-- inputs: core.daily_prices
-- lookups: core.instruments, core.outcomes
-- All figures are in dollars per share: a log return of a price in 0..1 explodes near 0 and is meaningless near 1, and
-- nothing is annualized. Windows are calendar days (RANGE frames): a window over a gap has fewer days, never older
-- ones. Sums are whole micro-dollars until the last step, so that the figures of a day do not depend on the other days
-- that are computed with it. At least 5 closes or changes are needed for a deviation (3 in the short window). Days that
-- a row depends on: the volatility before the short window begins short_days + long_days - 1 days ago; its first change
-- needs the close of the day before, and whether that close is fresh needs one day more.
WITH days AS (
    SELECT
        p.venue,
        p.date,
        p.instrument_id,
        p.price_source,
        p.close,
        p.is_complete,
        p.incomplete_reason,
        -- The smallest price step; one cent if unknown.
        coalesce(nullif(i.tick_size, 0), 0.01) AS tick,
        p.close IS NOT NULL AND NOT (
            p.price_source = 'mid_sample'
            AND coalesce(p.high = p.low AND p.close = coalesce(p.previous_close, max(p.close) OVER yesterday), false)
        ) AS is_fresh
    FROM core.daily_prices p
    LEFT JOIN core.instruments i USING (instrument_id)
    WHERE p.date >= $from - ($short_days::INTEGER + $long_days::INTEGER + 1) AND p.date < $to
        -- The day had begun when trading ended; a venue_day begins at midnight in New York.
        AND (
            i.trading_ended_at IS NULL
            OR CAST(p.date AS TIMESTAMP)
            AT TIME ZONE CASE p.price_source WHEN 'venue_day' THEN 'America/New_York' ELSE 'UTC' END
            < i.trading_ended_at
        )
    WINDOW yesterday AS (
        PARTITION BY p.instrument_id, p.price_source
        ORDER BY p.date RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    )
),

-- x: the close in micro-dollars, of fresh days only.
fresh AS (
    SELECT
        *,
        CASE WHEN is_fresh THEN close END AS price,
        CASE WHEN is_fresh THEN to_units(close, 6)::BIGINT END AS x
    FROM days
),

-- c: the change in micro-dollars between consecutive days that are both fresh.
changes AS (
    SELECT
        *,
        max(price) OVER yesterday AS price_before,
        x - max(x) OVER yesterday AS c
    FROM fresh
    WINDOW yesterday AS (
        PARTITION BY instrument_id, price_source
        ORDER BY date RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    )
),

rolled AS (
    SELECT
        *,
        max(price) OVER short_ago AS price_short_ago,
        count(x) OVER short AS days_short,
        sum(x) OVER short AS sum_short,
        count(x) OVER long AS days_long,
        sum(x) OVER long AS sum_long,
        max(price) OVER long AS highest,
        count(c) OVER short AS changes_short,
        sum(c) OVER short AS c_short,
        sum(c * c) OVER short AS cc_short,
        count(c) OVER long AS changes_long,
        sum(c) OVER long AS c_long,
        sum(c * c) OVER long AS cc_long,
        count(c) OVER earlier AS changes_before,
        sum(c) OVER earlier AS c_before,
        sum(c * c) OVER earlier AS cc_before,
        count(x) OVER prior AS days_prior,
        sum(x) OVER prior AS sum_prior,
        sum(x * x) OVER prior AS xx_prior
    FROM changes
    WINDOW
        short_ago AS (
            PARTITION BY instrument_id, price_source
            ORDER BY date RANGE BETWEEN to_days($short_days::INTEGER) PRECEDING AND to_days($short_days::INTEGER) PRECEDING
        ),
        short AS (
            PARTITION BY instrument_id, price_source
            ORDER BY date RANGE BETWEEN to_days($short_days::INTEGER - 1) PRECEDING AND CURRENT ROW
        ),
        long AS (
            PARTITION BY instrument_id, price_source
            ORDER BY date RANGE BETWEEN to_days($long_days::INTEGER - 1) PRECEDING AND CURRENT ROW
        ),
        earlier AS (
            PARTITION BY instrument_id, price_source
            ORDER BY date
            RANGE BETWEEN to_days($short_days::INTEGER + $long_days::INTEGER - 1) PRECEDING
            AND to_days($short_days::INTEGER) PRECEDING
        ),
        prior AS (
            PARTITION BY instrument_id, price_source
            ORDER BY date RANGE BETWEEN to_days($long_days::INTEGER) PRECEDING AND INTERVAL 1 DAY PRECEDING
        )
),

-- Sample deviations: (n * sum of squares - square of the sum) is exact, and exactly 0 if the price did not move.
deviations AS (
    SELECT
        *,
        greatest(tick, least(1 - tick, price))::DOUBLE AS p_now,
        greatest(tick, least(1 - tick, price_before))::DOUBLE AS p_before,
        sum_prior::DOUBLE / nullif(days_prior, 0) / 1e6 AS mean_prior,
        CASE WHEN changes_short > 1 THEN
            sqrt((changes_short * cc_short - c_short * c_short)::DOUBLE / nullif(changes_short * (changes_short - 1), 0)) / 1e6
        END AS volatility_short,
        CASE WHEN changes_long > 1 THEN
            sqrt((changes_long * cc_long - c_long * c_long)::DOUBLE / nullif(changes_long * (changes_long - 1), 0)) / 1e6
        END AS volatility_long,
        CASE WHEN changes_before > 1 THEN
            sqrt((changes_before * cc_before - c_before * c_before)::DOUBLE / nullif(changes_before * (changes_before - 1), 0))
            / 1e6
        END AS volatility_before,
        CASE WHEN days_prior > 1 THEN
            sqrt((days_prior * xx_prior - sum_prior * sum_prior)::DOUBLE / nullif(days_prior * (days_prior - 1), 0)) / 1e6
        END AS deviation_prior
    FROM rolled
    WHERE date >= $from
)

SELECT
    venue,
    date,
    instrument_id,
    price_source,
    close,
    outcome_0_name(venue_has_tokens(venue), label) AS priced_outcome,
    is_fresh,
    price - price_before AS change,
    CASE WHEN price IS NOT NULL AND price_before IS NOT NULL THEN
        ln(p_now / nullif(1 - p_now, 0)) - ln(p_before / nullif(1 - p_before, 0))
    END AS logit_change,
    sum_short::DOUBLE / nullif(days_short, 0) / 1e6 AS mean_short,
    days_short,
    sum_long::DOUBLE / nullif(days_long, 0) / 1e6 AS mean_long,
    days_long,
    volatility_short,
    changes_short,
    volatility_long,
    changes_long,
    CASE WHEN days_prior >= 5 AND deviation_prior >= tick::DOUBLE / 2 THEN
        (price::DOUBLE - mean_prior) / nullif(deviation_prior, 0)
    END AS z_score,
    days_prior,
    price - highest AS drawdown,
    price - price_short_ago AS momentum,
    CASE
        WHEN changes_short < 3 OR changes_before < 5 THEN NULL
        WHEN volatility_short < greatest(volatility_before, tick::DOUBLE / 2) / 2 THEN 'calm'
        WHEN volatility_short > greatest(volatility_before, tick::DOUBLE / 2) * 2 THEN 'volatile'
        ELSE 'normal'
    END AS regime,
    volatility_before,
    changes_before,
    is_complete,
    incomplete_reason
FROM deviations
LEFT JOIN (SELECT instrument_id, label FROM core.outcomes WHERE outcome_index = 0) USING (instrument_id)
