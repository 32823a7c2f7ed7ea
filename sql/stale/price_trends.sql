-- about: days of price trends that the currently known end of trading contradicts: too many or too few
-- of: mart.price_trends
-- grain: date
-- inputs: mart.price_trends, core.daily_prices, core.instruments
-- Only the last day of each instrument and source is compared: this reads two columns of each table once and sorts
-- nothing. A row after the end: its day is built again without it. A later end (trading resumed): the excluded days
-- with prices are built.
WITH stored AS (
    SELECT instrument_id, price_source, max(date) AS last_day FROM mart.price_trends GROUP BY ALL
),

priced AS (
    SELECT p.instrument_id, p.price_source, max(p.date) AS last_day
    FROM core.daily_prices p
    LEFT JOIN core.instruments i USING (instrument_id)
    WHERE i.trading_ended_at IS NULL
        OR CAST(p.date AS TIMESTAMP)
        AT TIME ZONE CASE p.price_source WHEN 'venue_day' THEN 'America/New_York' ELSE 'UTC' END
        < i.trading_ended_at
    GROUP BY p.instrument_id, p.price_source
),

moved AS (
    SELECT instrument_id, price_source, s.last_day AS stored_day, p.last_day AS priced_day
    FROM stored s
    FULL JOIN priced p USING (instrument_id, price_source)
    WHERE s.last_day IS DISTINCT FROM p.last_day
)

SELECT DISTINCT t.date
FROM mart.price_trends t
JOIN moved m USING (instrument_id, price_source)
WHERE t.date > m.priced_day OR m.priced_day IS NULL
UNION
SELECT DISTINCT p.date
FROM core.daily_prices p
JOIN moved m USING (instrument_id, price_source)
WHERE p.date <= m.priced_day AND (p.date > m.stored_day OR m.stored_day IS NULL)
